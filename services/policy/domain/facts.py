"""What a rule may know, and what it may say. No I/O, no clock, no logging."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from libs.contracts.decisions import Details, EventType, Scalar
from libs.contracts.errors import ErrorCode
from libs.contracts.events import WebhookReceived
from libs.contracts.results import AnswerStatus, SkipReason
from libs.store.accounts import Account, Integration, Number
from libs.store.decisions import StoredFacts
from services.policy.domain.content_policy import ContentPolicy
from services.policy.domain.limits import Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that a rule may know, gathered before any rule runs."""

    now: datetime
    """The event's own time, so that judging it again gives the same answer."""
    account: Account
    integration: Integration
    number: Number | None
    event_type: EventType | None
    phone: str | None = field(repr=False)
    """The customer's number in E.164 form; None when no field held a usable one."""
    customer_key: str = ""
    """Who has that phone, as stores know them (`keyed_hash`); empty without one."""
    stored: StoredFacts
    period: Period
    content: ContentPolicy = field(repr=False)
    rendered: str | None = field(default=None, repr=False)
    """The message of a call event, from the integration's template; None when there is none to send."""


Saw = dict[str, Scalar | list[Scalar]]


@dataclass(frozen=True, slots=True)
class Pass:
    """The rule lets the event through, having seen these values; `flagged` asks for a later review."""

    saw: Saw = field(default_factory=dict)
    flagged: bool = False


@dataclass(frozen=True, slots=True)
class Objection:
    """The rule stops the event: the code and details that the caller is told, and the values it saw."""

    code: ErrorCode
    details: Details = field(default_factory=dict)
    saw: Saw = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class End:
    """Nothing is wrong and nothing is sent: the event is told to be `recorded`, or `skipped` for a reason."""

    status: AnswerStatus
    reason: SkipReason | None = None
    saw: Saw = field(default_factory=dict)


Finding = Pass | Objection | End
Rule = Callable[[WebhookReceived, Facts], Finding]
EVERY_TYPE = frozenset(EventType)


@dataclass(frozen=True, slots=True)
class Asked:
    """A rule's place in the policy: its version, and the event types that it is asked about."""

    rule: Rule
    version: int = 1
    about: frozenset[EventType] = EVERY_TYPE

    @property
    def name(self) -> str:
        """The sentence that is true when all is well."""
        return self.rule.__name__

    def concerns(self, event_type: EventType | None) -> bool:
        """True when the rule is asked about events of this type; an unknown type is every rule's concern."""
        return event_type is None or event_type in self.about
