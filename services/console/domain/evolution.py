"""What an operator must enter in an Evolution server, and what its licence asks us to say to them."""

from typing import Any, Final

from libs.store.accounts import Number, ProviderKind

NOTICE: Final = (
    "This number is served by Evolution API, which is used under the Apache License 2.0 with additional conditions of "
    "its authors (github.com/EvolutionAPI/evolution-api, LICENSE): read them before you run it for several customers."
)
"""Its licence wants administrators to see that it is used."""
HEADER: Final = "X-GW-Secret"
EVENTS: Final = ("MESSAGES_UPSERT", "MESSAGES_UPDATE", "CONNECTION_UPDATE")


def notice_for(number: Number) -> str | None:
    """What operators are told of the number's provider."""
    return NOTICE if number.provider is ProviderKind.EVOLUTION else None


def webhook_url(public_url: str, number: Number) -> str | None:
    """Where the number's own server posts to; none where the provider has one address for all numbers."""
    if number.provider is not ProviderKind.EVOLUTION:
        return None
    return f"{public_url.rstrip('/')}/integrations/evolution/webhook/{number.id}"


def webhook_set(url: str, secret: str) -> dict[str, Any]:
    """The body of `POST {base_url}/webhook/set/{instance}` in Evolution API v2, ready to be sent."""
    webhook = {
        "enabled": True,
        "url": url,
        "headers": {HEADER: secret},
        "byEvents": False,
        "base64": False,
        "events": list(EVENTS),
    }
    return {"webhook": webhook}
