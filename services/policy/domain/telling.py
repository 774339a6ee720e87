"""What 3CX systems are told of a customer: the JSON of `docs/forwarding.md` without its envelope, and who is told.

The rule: it is the customer's own 3CX side, so phone and text stand there plainly; sender signs what is made here.
"""

from typing import Any

from libs.contracts.events import MessageStatusUpdated, SuppressionAdded, WhatsAppMessageReceived
from libs.store.accounts import Integration, Number
from libs.store.conversations import SuppressionKind

_OWN_OPT_OUTS = frozenset({SuppressionKind.OPT_OUT.value, SuppressionKind.MARKETING.value})


_TAKEN = frozenset({"id", "type", "sent_at", "text", "pressed", "reply_to"})
"""What a message has besides what its type adds, which stands under the type's own name."""


def hears(integration: Integration) -> bool:
    """True when this 3CX system wants to know what customers write."""
    return integration.inbound_enabled and hears_of_messages(integration)


def hears_of_messages(integration: Integration) -> bool:
    """True when this 3CX system can be told anything."""
    return integration.enabled and integration.forward_url is not None


def is_own_opt_out(added: SuppressionAdded) -> bool:
    """True when the customer asked for it; what an operator enters is known to them."""
    return added.actor is None and added.kind in _OWN_OPT_OUTS


def number_shown(number_id: str, number: Number | None) -> dict[str, Any]:
    """Which of the account's WhatsApp numbers it is about."""
    return {"instance_id": number_id} | ({} if number is None else {"phone_number_id": number.phone_number_id})


def message_content(message: WhatsAppMessageReceived, number: Number | None) -> dict[str, Any]:
    """The JSON of `message.received`: whatever WhatsApp said of the message stands in it as it was said."""
    shown = {
        "id": message.message_id,
        "type": message.type,
        "sent_at": message.sent_at.isoformat(),
        "text": message.text,
        "pressed": list(message.pressed) or None,
        "reply_to": message.reply_to_message_id,
        message.type if message.type not in _TAKEN else "content": message.content,
    }
    return {
        "number": number_shown(message.number_id, number),
        **({"customer": {"name": message.profile_name}} if message.profile_name else {}),
        "message": {name: value for name, value in shown.items() if value is not None},
    }


def opt_out_content(added: SuppressionAdded, number: Number | None) -> dict[str, Any]:
    """The JSON of `recipient.opted_out`: what they opted out of, and what proves it (never the text)."""
    evidence = added.evidence
    shown = {
        "id": added.suppression_id,
        "scope": "marketing" if added.kind == SuppressionKind.MARKETING else "all",
        "source": added.source,
        "word": evidence.get("word"),
        "language": evidence.get("language"),
        "message_id": evidence.get("message_id"),
        "at": evidence.get("at"),
    }
    return {
        **({"number": number_shown(added.number_id, number)} if added.number_id else {}),
        **({"customer": {"masked_phone": added.masked_phone}} if added.masked_phone and not added.customer else {}),
        "opt_out": {name: value for name, value in shown.items() if value is not None},
    }


def status_content(updated: MessageStatusUpdated, number: Number | None) -> dict[str, Any]:
    """The JSON of `message.status_updated`: where a message of ours stands; `event_id` is what its sender was told."""
    message: dict[str, Any] = {
        "id": updated.message_id,
        "event_id": str(updated.event_id),
        "status": updated.status,
        "at": updated.at.isoformat(),
    }
    if updated.provider_codes:
        message["provider_codes"] = list(updated.provider_codes)
    if updated.conflict:
        message["conflict"] = True
    return {"number": number_shown(updated.number_id, number), "message": message}
