"""What a rule receives and returns: `Facts`, `Finding`, and `RuleBinding`, which adds a rule to the policy."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from libs.contracts.decisions import Details, EventType, Scalar
from libs.contracts.errors import ErrorCode
from libs.contracts.events import WebhookReceived
from libs.contracts.known_templates import KnownTemplate
from libs.contracts.results import AnswerStatus, SkipReason
from libs.store.accounts import Account, Integration, Number
from libs.store.contacts import Contact
from libs.store.decisions import StoredFacts
from libs.store.template_recipients import TemplateUse
from services.policy.domain.content_policy import ContentPolicy
from services.policy.domain.limits import Period
from services.policy.domain.webhook_customers import Customer


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All input of the rules, read before any rule runs."""

    now: datetime
    """The event's own time, so that a repeated decision gives the same result."""
    account: Account
    integration: Integration
    number: Number | None
    event_type: EventType | None
    customer: Customer | None
    """Whom the webhook is about; None when none of its fields names anybody."""
    customer_key: str = ""
    """The main key of the customer (`libs.store.customer_links`); empty without one."""
    contact: Contact | None = field(default=None, repr=False)
    """The customer's further addresses, as far as WhatsApp has shown them."""
    stored: StoredFacts
    period: Period
    content: ContentPolicy = field(repr=False)
    rendered: str | None = field(default=None, repr=False)
    """The message text of a call event, from the integration's template; None when there is none."""
    known_templates: tuple[KnownTemplate, ...] = ()
    """The template that 3CX asks for, in each language that WhatsApp has it in."""
    known_template: KnownTemplate | None = None
    """The one of them in the language that is asked for."""
    quoted_message_id: str | None = field(default=None, repr=False)
    """WhatsApp's id of the message in `reply_to`, if it is one of this conversation."""
    contact_request_key: str = ""
    """The customer key under which requests for the phone number count; empty for a message that asks for none."""
    template_limit: int | None = None
    """How many customers the business account may send templates to in 24 hours; None: not known, or no template."""
    template_use: TemplateUse | None = None
    """How many it has sent them to."""

    @property
    def phone(self) -> str | None:
        """The customer's phone number in E.164 form; None when the customer is known by user id alone."""
        return None if self.customer is None else self.customer.phone


RuleInputs = dict[str, Scalar | list[Scalar]]
"""The values that a rule used, for the receipt."""


class Pass(NamedTuple):
    """The rule passes; `flagged` requests a review after sending."""

    # A tuple, since a message has twenty: a frozen dataclass takes twice the time to make.

    inputs: RuleInputs
    flagged: bool = False


@dataclass(frozen=True, slots=True)
class Objection:
    """The rule refuses the event with the code and details of the answer."""

    code: ErrorCode
    details: Details = field(default_factory=dict)
    inputs: RuleInputs = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NoMessage:
    """No message is sent and no error is returned: the answer is `recorded`, or `skipped` with a reason."""

    status: AnswerStatus
    reason: SkipReason | None = None
    inputs: RuleInputs = field(default_factory=dict)


Finding = Pass | Objection | NoMessage
Rule = Callable[[WebhookReceived, Facts], Finding]
ALL_EVENT_TYPES = frozenset(EventType)


@dataclass(frozen=True, slots=True)
class RuleBinding:
    """A rule in the policy, with its version and the event types that it applies to."""

    rule: Rule
    version: int = 1
    event_types: frozenset[EventType] = ALL_EVENT_TYPES
    when: Callable[[WebhookReceived], bool] | None = None
    """Whether the rule concerns such a message at all; None: every one of these types."""
    needed: Callable[[Facts], bool] | None = None
    """Whether the account asks for the rule; None: always. A rule that is not needed leaves no line in the receipt."""
    name: str = field(init=False)
    """The rule's name: a sentence that is true when the rule passes."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.rule.__name__)
