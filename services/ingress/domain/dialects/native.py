"""Our own field names, as DESIGN §2 lists them."""

from typing import Final

from libs.contracts.events import WebhookPayload
from services.ingress.domain import bodies
from services.ingress.domain.dialects.fields import Fields, filled

DIRECTIONS: Final = {"inbound": "inbound", "incoming": "inbound", "outbound": "outbound", "outgoing": "outbound"}
PLACEHOLDERS: Final = (
    "to",
    "from_",
    "customer_phone",
    "caller",
    "phone",
    "conversation_id",
    "agent_extension",
    "queue",
    "call_time",
)
"""Where 3CX's own templates may leave a variable unfilled; what an agent wrote is never one."""


def payload_from(fields: Fields, *, told: str | None = None) -> WebhookPayload:
    """What is said; `told` is the event in another dialect's word when there is none of ours."""
    payload = bodies.payload_from(dict(fields.folded))
    changes: dict[str, object] = {
        name: None for name in PLACEHOLDERS if (said := getattr(payload, name)) and filled(said) is None
    }
    changes |= {
        "event_type": payload.event_type or told,
        "direction": DIRECTIONS.get(fields.word("direction") or ""),
        "language": fields.label("language"),
    }
    return payload.model_copy(update=changes)
