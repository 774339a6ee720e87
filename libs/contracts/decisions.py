"""What a decision carries: the receipt of every rule that was asked, and the plan of what to send."""

from enum import StrEnum, unique
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from libs.contracts.errors import ErrorCode
from libs.contracts.results import AnswerCode, AnswerStatus

Scalar = str | int | float | bool | None


@unique
class Purpose(StrEnum):
    """What a message is for; anything else is not sent."""

    SUPPORT = "support"
    OPERATIONAL = "operational"
    TRANSACTIONAL = "transactional"
    INTERNAL_TEAM = "internal_team"
    AUTHENTICATION = "authentication"


@unique
class EventType(StrEnum):
    """What 3CX can tell us."""

    TEST = "test"
    OUTBOUND_MESSAGE = "outbound_message"
    INBOUND_REPLY = "inbound_reply"
    MISSED_CALL = "missed_call"
    CALL_STARTED = "call_started"
    CALL_ENDED = "call_ended"
    VOICEMAIL = "voicemail"
    QUEUE_EVENT = "queue_event"
    QUEUE_CALLBACK = "queue_callback"
    AFTER_HOURS = "after_hours"


TEMPLATED = frozenset(
    {
        EventType.MISSED_CALL,
        EventType.VOICEMAIL,
        EventType.CALL_ENDED,
        EventType.QUEUE_CALLBACK,
        EventType.AFTER_HOURS,
    }
)
"""Call events that may send the integration's template."""

CALL_EVENTS = TEMPLATED | {EventType.CALL_STARTED, EventType.QUEUE_EVENT}
"""Events that need the integration's call events switched on."""


TEMPLATE_VARIABLES = ("customer_phone", "agent_extension", "queue", "call_time", "business_name")
"""All that the text of a call event may hold besides plain text."""


class WindowTemplate(BaseModel):
    """The approved WhatsApp template that may go out instead of a text; `parameters` names variables, in order."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    language: str
    parameters: tuple[str, ...] = ()


CONFIRMATION = "opt_out_confirmation"
"""The event type of the one message that somebody who opted out still gets."""


class RuleReceipt(BaseModel):
    """One rule that was asked: its version, whether it let the event pass, and the values it saw.

    `saw` holds numbers, codes, names and times; never a phone number, a secret or a text.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    rule: str
    version: int
    passed: bool
    saw: dict[str, Scalar | list[Scalar]] = Field(default_factory=dict)


Details = dict[str, Any]
"""What a refusal says besides its code: `limit`, `used`, `risk_score`, `retry_after`, `field` …"""


class Decision(BaseModel):
    """What was decided for one event, as it is kept: an approval (`code` is None), or the answer that ends it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    code: AnswerCode | None = None
    reason: str | None = None
    details: Details = Field(default_factory=dict)
    receipt: tuple[RuleReceipt, ...] = ()
    window_closes_at: AwareDatetime | None = None
    template: WindowTemplate | None = None
    """What goes out instead of the text once the window is closed."""
    risk_score: int = 0
    flagged: bool = False

    @property
    def approved(self) -> bool:
        """True when a message is to be sent."""
        return self.code is None

    @property
    def refused(self) -> bool:
        """True when it ends in an error."""
        return self.code is not None and not isinstance(self.code, AnswerStatus)


def withdrawn() -> Decision:
    """Ingress's own decision: its publish was not confirmed, the caller was told so, and nothing may follow."""
    return Decision(code=ErrorCode.GATEWAY_UNAVAILABLE, details={"withdrawn": True})
