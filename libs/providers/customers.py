"""How a provider's digits name a customer: by the canonical number, and by WhatsApp's own digits where they differ."""

from typing import Any, Final

from libs.contracts.phone_numbers import canonical

_PHONES: Final = ("customer", "new_customer")
"""The fields of the events that hold a phone number as the provider wrote it."""


def canonical_names(fields: dict[str, Any]) -> dict[str, Any]:
    """The changes that give an event's customer a canonical number. `fields` are the event's own."""
    changes: dict[str, Any] = {}
    for name in _PHONES:
        if (written := fields.get(name)) is not None and (phone := canonical(written)) != written:
            changes[name] = phone
            changes |= {f"{name}_wa_id": written.removeprefix("+")} if f"{name}_wa_id" in fields else {}
    return changes
