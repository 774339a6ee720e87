"""What operators need to configure an Evolution server: the webhook's settings, and the notice its licence requires."""

from typing import Any, Final

from libs.providers.evolution.webhook import SECRET_HEADER

NOTICE: Final = (
    "This number is served by Evolution API, which is used under the Apache License 2.0 with additional conditions of "
    "its authors (github.com/EvolutionAPI/evolution-api, LICENSE): read them before you run it for several customers."
)
"""The licence requires that administrators see that Evolution API is used."""
EVENTS: Final = ("MESSAGES_UPSERT", "MESSAGES_UPDATE", "CONNECTION_UPDATE")


def webhook_setup(url: str, secret: str) -> dict[str, Any]:
    """The body of `POST {base_url}/webhook/set/{instance}` in Evolution API v2, ready to be sent."""
    webhook = {
        "enabled": True,
        "url": url,
        "headers": {SECRET_HEADER: secret},
        "byEvents": False,
        "base64": False,
        "events": list(EVENTS),
    }
    return {"webhook": webhook}
