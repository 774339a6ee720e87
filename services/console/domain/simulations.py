"""Request and response models of simulated decisions."""

import re
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, Field

from libs.contracts.content_fields import content_from
from libs.contracts.decisions import Decision, RuleReceipt
from libs.contracts.errors import ErrorCode
from libs.contracts.events import MAX_NAME, WebhookPayload
from libs.contracts.identity import named_user_id
from services.console.domain.fields import Id, RequestBody
from services.console.domain.pagination import View

APPROVED: Final = "approved"
LABELS: Final = ("to", "customer_phone", "caller", "phone", "conversation_id", "agent_extension", "queue", "call_time")
ENUMS: Final = ("event_type", "message_purpose", "direction", "language")
_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class SimulationRequest(RequestBody):
    """A webhook as a 3CX system would post it to an integration, in the gateway's own field names."""

    integration_id: Id
    event: Annotated[
        dict[str, Any],
        Field(
            max_length=64,
            repr=False,
            examples=[{"event_type": "outbound_message", "to": "+966512345678", "message_text": "Hello"}],
        ),
    ]
    """`event_type`, `to`, `message_text`, `message_purpose` …; unknown fields are ignored."""


class SimulationView(View):
    """The decision that would be made now, by the current rules and facts; nothing was sent or counted."""

    simulation_id: str
    approved: bool
    """True when a message would be sent to WhatsApp; WhatsApp or the number's rate limit may still refuse it."""
    code: str
    """`approved`, or the status or error code of the answer to 3CX."""
    reason: str | None
    message: str | None
    """The error code's message."""
    cause: str | None
    fix: str | None
    """How to fix it."""
    details: dict[str, Any]
    window_closes_at: AwareDatetime | None
    template: str | None
    """The approved template that would be sent in place of the text."""
    risk_score: int
    flagged: bool
    receipt: tuple[RuleReceipt, ...]
    """Every rule that ran, in order, with its inputs."""


def payload_from(event: dict[str, Any]) -> WebhookPayload:
    """The webhook's payload, parsed as in ingress: field names in any case; a field of a wrong type is absent."""
    event = {name.casefold(): value for name, value in event.items()}
    fields: dict[str, Any] = {name: _label(event.get(name)) for name in (*LABELS, *ENUMS)}
    text = _text(event.get("message_text")) or _text(event.get("message"))
    answered = event.get("answered")
    return WebhookPayload(
        **fields,
        from_=_label(event.get("from")),
        text=text,
        user_id=named_user_id(event),
        answered=answered if isinstance(answered, bool) else None,
        **content_from(event),
    )


def simulation_view_from(simulation_id: str, decision: Decision) -> SimulationView:
    """The decision with the explanation of its code."""
    explanation = decision.code.explanation if isinstance(decision.code, ErrorCode) else None
    return SimulationView(
        simulation_id=simulation_id,
        approved=decision.approved,
        code=APPROVED if decision.code is None else decision.code.value,
        reason=decision.reason,
        **{name: getattr(explanation, name, None) for name in ("message", "cause", "fix")},
        details=decision.details,
        window_closes_at=decision.window_closes_at,
        template=decision.template.name if decision.template else None,
        risk_score=decision.risk_score,
        flagged=decision.flagged,
        receipt=decision.receipt,
    )


def _label(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**31:
        return str(value)
    return _CONTROLS.sub("", value[:MAX_NAME]) if isinstance(value, str) else None


def _text(value: object) -> str | None:
    return _CONTROLS.sub("", value).strip() if isinstance(value, str) else None
