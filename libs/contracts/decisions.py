"""`Decision`, the receipts of its rules, and the enums that rules and decisions use."""

from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Annotated, Any, Self

from pydantic import AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, model_validator
from pydantic_core import core_schema

from libs.contracts.errors import ErrorCode
from libs.contracts.results import AnswerCode, AnswerStatus

Scalar = str | int | float | bool | None


@unique
class Outcome(StrEnum):
    """What became of a message, as `details.outcome` of an answer and `MessageSettled.outcome` say."""

    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """The provider was called and gave no answer: the message may or may not have been delivered."""


@unique
class Purpose(StrEnum):
    """The allowed purposes of a message."""

    SUPPORT = "support"
    OPERATIONAL = "operational"
    TRANSACTIONAL = "transactional"
    INTERNAL_TEAM = "internal_team"
    AUTHENTICATION = "authentication"


@unique
class EventType(StrEnum):
    """The event types of 3CX webhooks."""

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
"""Call events that can send the integration's template."""

CALL_EVENTS = TEMPLATED | {EventType.CALL_STARTED, EventType.QUEUE_EVENT}
"""Events that require `call_events_enabled` of the integration."""


TEMPLATE_VARIABLES = ("customer_phone", "agent_extension", "queue", "call_time", "business_name")
"""The placeholders that the text of a call event may contain."""


class WindowTemplate(BaseModel):
    """The approved WhatsApp template that can replace a text; `parameters` are names of variables, in order."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    language: str
    parameters: tuple[str, ...] = ()


CONFIRMATION = "opt_out_confirmation"
"""The event type of the only message that is sent to a customer who opted out."""


class _AsTheyAre:
    """Serializes a value by its own type, where the schema's union would try each of its types in turn."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return {**handler(source), "serialization": core_schema.simple_ser_schema("any")}


@dataclass(frozen=True, slots=True)
class RuleReceipt:
    """The result of one rule: its version, whether the event passed, and the values that the rule used.

    `inputs` holds numbers, codes, names and times, never a phone number, a secret or a text. Receipts of earlier
    releases call it `saw`.
    """

    # A dataclass, since a message has twenty (decision 82): what is read is validated, what a rule made is not.

    rule: str
    version: int
    passed: bool
    inputs: Annotated[
        dict[str, Scalar | list[Scalar]], Field(validation_alias=AliasChoices("inputs", "saw")), _AsTheyAre()
    ] = field(default_factory=dict)


Details = dict[str, Any]
"""Further fields of a refusal: `limit`, `used`, `risk_score`, `retry_after`, `field` …"""


class Decision(BaseModel):
    """The decision about one event as the store keeps it: an approval (`code` is None), or the final answer."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    code: AnswerCode | None = None
    reason: str | None = None
    details: Details = Field(default_factory=dict)
    receipt: tuple[RuleReceipt, ...] = ()
    window_closes_at: AwareDatetime | None = None
    template: WindowTemplate | None = None
    """The template that replaces the text once the window is closed."""
    risk_score: int = 0
    flagged: bool = False
    withdrawn: bool = Field(default=False, exclude_if=lambda withdrawn: not withdrawn)
    """True when ingress withdrew the event, because the broker did not confirm it."""

    @model_validator(mode="before")
    @classmethod
    def _read_withdrawn(cls, stored: Any) -> Any:
        """Read decisions stored before `withdrawn` was a field of its own; they have it in `details`."""
        if isinstance(stored, dict) and isinstance(details := stored.get("details"), dict) and "withdrawn" in details:
            rest = {name: value for name, value in details.items() if name != "withdrawn"}
            return {"withdrawn": details["withdrawn"] is True, **stored, "details": rest}
        return stored

    @classmethod
    def from_stored(cls, stored: bytes) -> Self:
        """The decision that `stored` holds, as this or an earlier release wrote it."""
        return cls.model_validate_json(stored)

    def stored(self) -> bytes:
        """The JSON that the store keeps."""
        return self.model_dump_json(exclude_defaults=True).encode()

    @property
    def approved(self) -> bool:
        """True when the message is to be sent."""
        return self.code is None

    @property
    def refused(self) -> bool:
        """True when the answer is an error."""
        return self.code is not None and not isinstance(self.code, AnswerStatus)


def withdrawn() -> Decision:
    """The decision of ingress when the broker did not confirm an event: the caller gets 503 and nothing may follow."""
    return Decision(code=ErrorCode.GATEWAY_UNAVAILABLE, withdrawn=True)
