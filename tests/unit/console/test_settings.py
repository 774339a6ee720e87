"""The settings of console."""

import pytest

from libs.chassis.settings import SettingsError
from services.console.settings import ConsoleSettings
from tests.event_keys import key_setting

ENVIRON = {
    "GATEWAY_AMQP_URL": "amqp://x",
    "GATEWAY_STORE_URL": "sqlite:///x",
    "GATEWAY_HASH_KEY": "k" * 32,
    **key_setting("console"),
    "GATEWAY_ADMIN_TOKEN": "t" * 32,
    "GATEWAY_SECRET_KEYS": f"k1:{'A' * 43}=",
    "GATEWAY_DO_NOT_CONTACT_KEYS": f"d1:{'A' * 43}=",
    "GATEWAY_POST_KEYS": f"p1:{'A' * 43}=",
}


def test_webhook_urls_begin_with_this_machines_ingress_unless_told_otherwise() -> None:
    default = ConsoleSettings.from_environ(ENVIRON | {"GATEWAY_PORT": "8081"})
    told = ConsoleSettings.from_environ(ENVIRON | {"GATEWAY_PUBLIC_URL": "https://gateway.example.com/"})

    assert default.webhook_origin == "http://127.0.0.1:8081"
    assert told.webhook_origin == "https://gateway.example.com/"


@pytest.mark.parametrize("name", ["GATEWAY_SECRET_KEYS", "GATEWAY_POST_KEYS", "GATEWAY_DO_NOT_CONTACT_KEYS"])
def test_keys_that_cannot_seal_are_a_setting_at_fault_and_are_not_repeated(name: str) -> None:
    with pytest.raises(SettingsError, match=name) as caught:
        ConsoleSettings.from_environ(ENVIRON | {name: "k1:too-short-a-key"})

    assert "too-short" not in str(caught.value)
