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


def payload_from(fields: Fields, *, event_type: str | None = None) -> WebhookPayload:
    """The payload of a body; `event_type` is used when the body has no native event type."""
    payload = bodies.payload_from(dict(fields.by_name))
    changes: dict[str, object] = {
        name: None for name in PLACEHOLDERS if (value := getattr(payload, name)) and without_placeholder(value) is None
    }
    changes |= {
        "event_type": payload.event_type or event_type,
        "direction": DIRECTIONS.get(fields.lowercase("direction") or ""),
        "language": fields.text("language"),
    }
    return payload.model_copy(update=changes)
