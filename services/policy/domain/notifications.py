"""The content of notifications to 3CX systems: the JSON of `docs/forwarding.md` without its envelope.

It holds phone numbers and texts in plain form, because the 3CX system belongs to the same account. Sender signs it.
"""

from typing import Any

from libs.contracts.events import MessageStatusUpdated, SuppressionAdded, WhatsAppCallReceived, WhatsAppMessageReceived
from libs.store.accounts import Integration, Number
from libs.store.conversations import SuppressionKind

_CUSTOMER_OPT_OUTS = frozenset({SuppressionKind.OPT_OUT.value, SuppressionKind.MARKETING.value})

_CONTENT = "content"
_RESERVED_NAMES = frozenset({"id", "type", "sent_at", "text", "pressed", "reply_to", _CONTENT})
"""The fields that any message may have; the object of a message type has the type's name."""


def wants_messages(integration: Integration) -> bool:
    """True when the integration wants customers' messages and opt-outs."""
    return integration.inbound_enabled and is_reachable(integration)


def is_reachable(integration: Integration) -> bool:
    """True when the integration is enabled and has a forward URL."""
    return integration.enabled and integration.forward_url is not None


def is_customer_opt_out(added: SuppressionAdded) -> bool:
    """True when the customer opted out; suppressions by operators are not notified."""
    return added.actor is None and added.kind in _CUSTOMER_OPT_OUTS


def number_json(number_id: str, number: Number | None) -> dict[str, Any]:
    """The JSON of a WhatsApp number."""
    return {"instance_id": number_id} | ({} if number is None else {"phone_number_id": number.phone_number_id})


def message_content(message: WhatsAppMessageReceived, number: Number | None) -> dict[str, Any]:
    """The JSON of `message.received`: the type's object under the type's name, whatever else came under `content`."""
    content = dict(message.content or {})
    own = {message.type: content.pop(message.type, None)} if message.type not in _RESERVED_NAMES else {}
    fields = {
        "id": message.message_id,
        "type": message.type,
        "sent_at": message.sent_at.isoformat(),
        "text": message.text,
        "pressed": list(message.pressed) or None,
        "reply_to": message.reply_to_message_id,
        _CONTENT: content or None,
        **own,
    }
    return {
        "number": number_json(message.number_id, number),
        **({"customer": {"name": message.profile_name}} if message.profile_name else {}),
        "message": {name: value for name, value in fields.items() if value is not None},
    }


def call_content(call: WhatsAppCallReceived, number: Number | None) -> dict[str, Any]:
    """The JSON of `call.received`."""
    fields = {
        "id": call.call_id,
        "event": call.event,
        "direction": call.direction,
        "status": call.status,
        "at": call.at.isoformat(),
    }
    return {
        "number": number_json(call.number_id, number),
        "call": {name: value for name, value in fields.items() if value is not None},
    }


def opt_out_content(added: SuppressionAdded, number: Number | None) -> dict[str, Any]:
    """The JSON of `recipient.opted_out`: the scope of the opt-out and its evidence, without the message text."""
    evidence = added.evidence
    fields = {
        "id": added.suppression_id,
        "scope": "marketing" if added.kind == SuppressionKind.MARKETING else "all",
        "source": added.source,
        "word": evidence.get("word"),
        "language": evidence.get("language"),
        "message_id": evidence.get("message_id"),
        "at": evidence.get("at"),
    }
    return {
        **({"number": number_json(added.number_id, number)} if added.number_id else {}),
        **({"customer": {"masked_phone": added.masked_phone}} if added.masked_phone and not added.customer else {}),
        "opt_out": {name: value for name, value in fields.items() if value is not None},
    }


def status_content(updated: MessageStatusUpdated, number: Number | None) -> dict[str, Any]:
    """The JSON of `message.status_updated`; `event_id` is the one in the answer to the webhook."""
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
    return {"number": number_json(updated.number_id, number), "message": message}
