"""The native dialect: the gateway's own field names (docs/threecx.md)."""

from typing import Final

from libs.contracts.events import WebhookPayload
from services.ingress.domain import bodies
from services.ingress.domain.dialects.fields import Fields, without_placeholder

DIRECTIONS: Final = {"inbound": "inbound", "incoming": "inbound", "outbound": "outbound", "outgoing": "outbound"}
PLACEHOLDERS: Final = (
    "to",
    "from_",
    "customer_phone",
    "caller",
    "phone",
    "user_id",
    "conversation_id",
    "agent_extension",
    "queue",
    "call_time",
)
"""Fields in which 3CX's templates may leave a placeholder; an agent's text is not one of them."""


def payload_from(fields: Fields) -> WebhookPayload:
    """The payload of a body; one without a native event type may name its event as other dialects do."""
    known = bodies.known_fields_from(fields.by_name)
    for name in PLACEHOLDERS:
        if (value := known.get(name)) and without_placeholder(value) is None:
            known[name] = None
    known["event_type"] = known.get("event_type") or fields.lowercase("event")
    known["direction"] = DIRECTIONS.get(fields.lowercase("direction") or "")
    known["language"] = fields.text("language")
    return WebhookPayload(**known)
