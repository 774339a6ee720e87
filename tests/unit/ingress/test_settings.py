"""The settings of ingress: a value at fault is named and not repeated."""

import pytest

from libs.chassis.settings import SettingsError
from services.ingress.settings import IngressSettings
from tests.event_keys import key_setting
from tests.unit.ingress.world import POST_KEYS

ENVIRON = {
    "GATEWAY_AMQP_URL": "amqp://x",
    "GATEWAY_STORE_URL": "sqlite:///x",
    "GATEWAY_HASH_KEY": "k" * 32,
    **key_setting("ingress"),
    "GATEWAY_WHATSAPP_APP_SECRET": "app-secret",
    "GATEWAY_WHATSAPP_VERIFY_TOKEN": "verify-token",
    "GATEWAY_POST_KEYS": POST_KEYS,
}


@pytest.mark.parametrize("value", ["", "p1:too-short-a-key", f"{POST_KEYS},{POST_KEYS}"])
def test_keys_that_cannot_seal_are_a_setting_at_fault_and_are_not_repeated(value: str) -> None:
    with pytest.raises(SettingsError, match="GATEWAY_POST_KEYS") as caught:
        IngressSettings.from_environ(ENVIRON | {"GATEWAY_POST_KEYS": value})

    assert "too-short" not in str(caught.value)


def test_ingress_starts_without_the_keys_of_other_services() -> None:
    assert IngressSettings.from_environ(ENVIRON).post_keys.get_secret_value() == POST_KEYS
    assert "secret_keys" not in IngressSettings.model_fields


@pytest.mark.parametrize("proxies", ["0.0.0.0/0", "10.0.0.0/8,::/0", "0.0.0.0/0.0.0.0", "10.0.0.1/40", "edge"])
def test_a_network_of_all_addresses_is_no_proxy(proxies: str) -> None:
    with pytest.raises(SettingsError, match="GATEWAY_TRUSTED_PROXIES"):
        IngressSettings.from_environ(ENVIRON | {"GATEWAY_TRUSTED_PROXIES": proxies})


def test_the_edges_addresses_are_proxies() -> None:
    settings = IngressSettings.from_environ(ENVIRON | {"GATEWAY_TRUSTED_PROXIES": "10.1.0.0/16, fd00:1::/32,192.0.2.7"})

    assert settings.trusted_proxies == ("10.1.0.0/16", "fd00:1::/32", "192.0.2.7")
