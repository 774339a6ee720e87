"""Asking what would be decided about a webhook, and how the answer is shown."""

import re
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, Field

from libs.contracts.decisions import Decision, RuleReceipt
from libs.contracts.errors import ErrorCode
from libs.contracts.events import MAX_NAME, WebhookPayload
from services.console.domain.fields import Asked, Id
from services.console.domain.paging import Shown

APPROVED: Final = "approved"
LABELS: Final = ("to", "customer_phone", "caller", "phone", "conversation_id", "agent_extension", "queue", "call_time")
WORDS: Final = ("event_type", "message_purpose", "direction", "language")
_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class SimulationAsked(Asked):
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
    """`event_type`, `to`, `message_text`, `message_purpose` …; what the gateway does not know is left out."""


class SimulationShown(Shown):
    """What would be decided now, by the rules and facts of this moment; nothing was sent and nothing counted."""

    simulation_id: str
    approved: bool
    """True when a message would go to WhatsApp; the call may still fail there, or be too fast for the number."""
    code: str
    """`approved`, or the status or error code that 3CX would be told."""
    reason: str | None
    message: str | None
    """What the error code says."""
    cause: str | None
    fix: str | None
    """What to do about it."""
    details: dict[str, Any]
    window_closes_at: AwareDatetime | None
    template: str | None
    """The approved template that would go instead of the text."""
    risk_score: int
    flagged: bool
    receipt: tuple[RuleReceipt, ...]
    """Every rule that was asked, in order, with the values it saw."""


def payload_of(event: dict[str, Any]) -> WebhookPayload:
    """The webhook's payload; a field of an unusable type is absent and names are in any case, as for 3CX."""
    event = {name.casefold(): value for name, value in event.items()}
    fields: dict[str, Any] = {name: _label(event.get(name)) for name in (*LABELS, *WORDS)}
    text = _text(event.get("message_text")) or _text(event.get("message"))
    answered = event.get("answered")
    return WebhookPayload(
        **fields,
        from_=_label(event.get("from")),
        text=text,
        answered=answered if isinstance(answered, bool) else None,
    )


def shown(simulation_id: str, decision: Decision) -> SimulationShown:
    """The decision, with the code's explanation beside it."""
    told = decision.code.explanation if isinstance(decision.code, ErrorCode) else None
    return SimulationShown(
        simulation_id=simulation_id,
        approved=decision.approved,
        code=APPROVED if decision.code is None else decision.code.value,
        reason=decision.reason,
        message=told.message if told else None,
        cause=told.cause if told else None,
        fix=told.fix if told else None,
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
