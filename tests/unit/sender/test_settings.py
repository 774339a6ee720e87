"""Sender's knobs, as they come from the environment."""

import base64

import pytest

from libs.chassis.settings import SettingsError
from services.sender.settings import SenderSettings
from tests.event_keys import key_setting

NEEDED = {
    "GATEWAY_AMQP_URL": "amqp://localhost",
    "GATEWAY_STORE_URL": "sqlite:///gateway.db",
    "GATEWAY_HASH_KEY": "h" * 32,
    **key_setting("sender"),
    "GATEWAY_SECRET_KEYS": "k1:" + base64.b64encode(bytes(32)).decode(),
    "GATEWAY_DO_NOT_CONTACT_KEYS": "d1:" + base64.b64encode(bytes(32)).decode(),
}


def test_defaults_are_those_of_the_design() -> None:
    settings = SenderSettings.from_environ(NEEDED)

    assert (settings.provider_timeout, settings.smoothing_seconds, settings.sender_metrics_port) == (15.0, 2.0, 9103)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GATEWAY_PROVIDER_TIMEOUT", "0"),
        ("GATEWAY_WHATSAPP_API_URL", "nowhere"),
        ("GATEWAY_WHATSAPP_API_VERSION", "latest"),
        ("GATEWAY_SECRET_KEYS", "k1:short"),
        ("GATEWAY_SEND_ATTEMPTS", "0"),
        ("GATEWAY_PROVIDER_TIMEOUTS", "15"),
        ("GATEWAY_MEDIA_URL", "nowhere"),
        ("GATEWAY_MEDIA_MAX_BYTES", "0"),
        ("GATEWAY_MEDIA_DOWNLOAD_HOSTS", "https://lookaside.fbsbx.com"),
        ("GATEWAY_MEDIA_DOWNLOAD_HOSTS", "*"),
        ("GATEWAY_TRUSTED_PROXIES", "0.0.0.0/0"),
    ],
)
def test_a_setting_at_fault_is_named_without_its_value(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        SenderSettings.from_environ(NEEDED | {name: value})

    assert name in str(caught.value)
    assert "short" not in str(caught.value)
