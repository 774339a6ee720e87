"""Everything the services tell each other, in the order in which it happens.

An event is a fact in the past tense. Its body holds the fact alone; the postmark (id, time, attempt, producer,
trace) travels in AMQP properties. A new optional field keeps the version; anything else is a new class and key.
"""

from typing import Annotated, Any, ClassVar
from uuid import UUID, uuid5

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from libs.contracts.decisions import Decision, Details, RuleReceipt
from libs.contracts.forwarding import ForwardKind
from libs.contracts.identity import Personal, Phone, Text, UserId
from libs.contracts.results import AnswerCode, AnswerStatus

MAX_NAME = 256
Name = str
"""A short value from outside that is kept for the record: at most 256 characters, cut at the door."""


class Event(BaseModel):
    """A fact. `name` is what it is called on the wire; `binding` is what a queue binds to hear it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: ClassVar[str]
    binding: ClassVar[str]
    version: ClassVar[int] = 1

    account_id: str | None = None
    integration_id: str | None = None

    @property
    def routing_key(self) -> str:
        """Where this event is published to on the exchange."""
        return self.binding

    def id_after(self, cause: UUID) -> UUID:
        """The event's id when `cause` led to it: always the same, so that a repetition is no second event."""
        return uuid5(cause, self.name)


# ---------------------------------------------------------------- 3CX webhooks


def _folded(value: str) -> str:
    return value.strip().casefold()


class WebhookPayload(BaseModel):
    """What 3CX said, cleaned but not judged: unknown keys are gone, values of a wrong type are absent."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_type: str | None = None
    to: str | None = Field(default=None, repr=False)
    from_: str | None = Field(default=None, repr=False)
    customer_phone: str | None = Field(default=None, repr=False)
    caller: str | None = Field(default=None, repr=False)
    phone: str | None = Field(default=None, repr=False)
    text: str | None = Field(default=None, repr=False)
    message_purpose: Annotated[str, AfterValidator(_folded)] | None = None
    """Trimmed, case folded."""
    conversation_id: str | None = None
    agent_extension: str | None = None
    queue: str | None = None
    call_time: str | None = None
    direction: str | None = None
    answered: bool | None = None
    did: str | None = None
    """The dialled number or its label, as the phone system tells it."""
    language: str | None = None
    """The customer's language (`ar`, `pt-BR`), where the phone system knows it."""


class WebhookReceived(Event):
    """An authenticated 3CX webhook was taken in; its envelope's id is the `event_id` the caller is told."""

    name: ClassVar[str] = "webhook.received"
    binding: ClassVar[str] = "webhook.received"

    reply_to: str
    payload: WebhookPayload
    dialect: str = "native"
    call_events_only: bool = False


class WebhookRejected(Event):
    """Requests that were not authenticated were turned away; `count` is above 1 in a minute's summary."""

    name: ClassVar[str] = "webhook.rejected"
    binding: ClassVar[str] = "webhook.rejected"

    claimed_integration: str | None = None
    reason: str
    client_address: str
    count: int = 1


class WebhookThrottled(Event):
    """A minute's summary of requests that were refused for their rate or size beyond those recorded one by one."""

    name: ClassVar[str] = "webhook.throttled"
    binding: ClassVar[str] = "webhook.throttled"

    count: int
    code: AnswerCode | None = None
    """What they were told; None: `webhook_rate_limited`."""


class MessageApproved(Event):
    """Every rule let the message pass; it is owed to the customer."""

    name: ClassVar[str] = "message.approved"
    binding: ClassVar[str] = "message.approved"

    event_id: UUID
    event_type: str
    reply_to: str
    number_id: str
    customer: Phone | None = Field(default=None, repr=False)
    customer_user_id: UserId | None = Field(default=None, repr=False)
    customer_key: str
    text: Text = Field(repr=False)
    purpose: str
    conversation_id: str | None = None
    received_at: AwareDatetime
    window_closes_at: AwareDatetime | None = None
    after: UUID | None = None
    """The message to the same customer that was approved just before: this one goes once that one is done."""
    template: Annotated[dict[str, Any] | None, Personal.TEXT] = Field(default=None, repr=False)
    risk_score: int = 0
    flagged: bool = False
    receipt: tuple[RuleReceipt, ...] = ()


class WebhookAnswered(Event):
    """The one final word on a webhook; its routing key names the ingress instance that waits for it."""

    name: ClassVar[str] = "webhook.answered"
    binding: ClassVar[str] = "result.#"

    event_id: UUID
    event_type: str | None = None
    reply_to: str
    code: AnswerCode
    message_id: str | None = None
    reason: str | None = None
    details: Details = Field(default_factory=dict)
    purpose: str | None = None
    customer: Phone | None = Field(default=None, repr=False)
    customer_key: str | None = None
    """Says who it is where the phone is not known."""
    received_at: AwareDatetime | None = None
    """When the webhook of an approved message came: the account's day on which the message counts."""
    flagged: bool = False
    """Whether the message was let through for a later review."""
    receipt: tuple[RuleReceipt, ...] = ()

    @property
    def routing_key(self) -> str:
        """`result.<ingress instance>.<code>`."""
        return f"result.{self.reply_to}.{self.code.value}"

    @property
    def succeeded(self) -> bool:
        """True when the caller is told success."""
        return isinstance(self.code, AnswerStatus)

    def id_after(self, cause: UUID) -> UUID:  # noqa: ARG002 -- whoever answers, it is the event's one answer
        """The same for every service that answers this event: one terminal record each."""
        return answer_id(self.event_id)


def answer_id(event_id: UUID) -> UUID:
    """The id of the one `WebhookAnswered` of an event."""
    return uuid5(event_id, WebhookAnswered.name)


# ---------------------------------------------------------------- WhatsApp's side


class WhatsAppMessageReceived(Event):
    """A customer wrote to one of our numbers."""

    name: ClassVar[str] = "whatsapp.message_received"
    binding: ClassVar[str] = "whatsapp.message_received"

    number_id: str
    message_id: str
    customer: Phone | None = Field(default=None, repr=False)
    customer_user_id: UserId | None = Field(default=None, repr=False)
    type: str
    text: Text | None = Field(default=None, repr=False)
    sent_at: AwareDatetime
    profile_name: str | None = Field(default=None, repr=False)
    reply_to_message_id: str | None = None
    opens_window: bool = True
    """Whether the customer wrote it to us: a reaction, or what WhatsApp itself says, is no message of theirs."""
    pressed: Annotated[tuple[str, ...], Personal.TEXT] = Field(default=(), repr=False)
    """Title and payload of the button or list row that was pressed; `text` is what stood on it."""
    content: Annotated[dict[str, Any] | None, Personal.TEXT] = Field(default=None, repr=False)
    """What the type adds: media (`id`, `mime_type`, `filename` …), a place, contacts, a form's answers, an order …"""


class WhatsAppStatusReceived(Event):
    """WhatsApp told what became of a message of ours."""

    name: ClassVar[str] = "whatsapp.status_received"
    binding: ClassVar[str] = "whatsapp.status_received"

    number_id: str
    message_id: str
    status: str
    at: AwareDatetime
    customer: Phone | None = Field(default=None, repr=False)
    customer_user_id: UserId | None = Field(default=None, repr=False)
    callback_data: str | None = None
    provider_codes: tuple[int, ...] = ()


class WhatsAppStatusUnmatched(Event):
    """A status belongs to no message of ours that we know of, and has been waited with long enough."""

    name: ClassVar[str] = "whatsapp.status_unmatched"
    binding: ClassVar[str] = "whatsapp.status_unmatched"

    number_id: str
    message_id: str
    status: str
    at: AwareDatetime
    provider_codes: tuple[int, ...] = ()


class WhatsAppPreferenceChanged(Event):
    """A customer told WhatsApp what they want from us: `value` is `stop` or `resume`."""

    name: ClassVar[str] = "whatsapp.preference_changed"
    binding: ClassVar[str] = "whatsapp.preference_changed"

    number_id: str
    category: str
    value: str
    at: AwareDatetime
    customer: Phone | None = Field(default=None, repr=False)
    customer_user_id: UserId | None = Field(default=None, repr=False)


class WhatsAppIdentityChanged(Event):
    """A customer has another phone or another business-scoped user id than before."""

    name: ClassVar[str] = "whatsapp.identity_changed"
    binding: ClassVar[str] = "whatsapp.identity_changed"

    number_id: str
    at: AwareDatetime
    customer: Phone | None = Field(default=None, repr=False)
    customer_user_id: UserId | None = Field(default=None, repr=False)
    new_customer: Phone | None = Field(default=None, repr=False)
    new_customer_user_id: UserId | None = Field(default=None, repr=False)


class WhatsAppAccountUpdated(Event):
    """WhatsApp told something about a business account, one of its numbers or templates: quality, status, alerts."""

    name: ClassVar[str] = "whatsapp.account_updated"
    binding: ClassVar[str] = "whatsapp.account_updated"

    topic: str
    """The field of WhatsApp's webhook, such as `message_template_status_update`."""
    business_account_id: str
    number_id: str | None = None
    at: AwareDatetime | None = None
    update: Details = Field(default_factory=dict)
    """What was told, as names and plain values."""


class MessageStatusUpdated(Event):
    """What became of a message of ours moved on, as WhatsApp's status told."""

    name: ClassVar[str] = "message.status_updated"
    binding: ClassVar[str] = "message.status_updated"

    event_id: UUID
    number_id: str
    message_id: str
    status: str
    """`sent`, `delivered`, `read`, `played` or `failed`."""
    at: AwareDatetime
    conflict: bool = False
    """A failure of what was delivered, or a delivery of what had failed: recorded, and `failed` stands."""
    provider_codes: tuple[int, ...] = ()
    customer: Phone | None = Field(default=None, repr=False)
    customer_key: str | None = None


class MessageSettled(Event):
    """What became of a message whose outcome was unknown: `outcome` is `sent` or `failed`."""

    name: ClassVar[str] = "message.settled"
    binding: ClassVar[str] = "message.settled"

    event_id: UUID
    number_id: str
    outcome: str
    message_id: str
    status: str
    at: AwareDatetime
    provider_codes: tuple[int, ...] = ()
    customer_key: str | None = None

    def id_after(self, cause: UUID) -> UUID:  # noqa: ARG002 -- whichever status or delivery led to it
        """The same however often and by whatever it is found out."""
        return uuid5(self.event_id, self.name)


class SuppressionAdded(Event):
    """A customer is not messaged any more: they opted out, or somebody blocked them."""

    name: ClassVar[str] = "suppression.added"
    binding: ClassVar[str] = "suppression.added"

    suppression_id: str
    kind: str
    source: str
    reason: str | None = None
    number_id: str | None = None
    """The number that the customer told; None when it was an operator."""
    customer: Phone | None = Field(default=None, repr=False)
    customer_key: str | None = None
    """Says who it is where the phone is not known, or must not be written down on the way (the outbox)."""
    masked_phone: str | None = None
    evidence: Details = Field(default_factory=dict)
    actor: str | None = None


class SuppressionLifted(Event):
    """A customer may be messaged again."""

    name: ClassVar[str] = "suppression.lifted"
    binding: ClassVar[str] = "suppression.lifted"

    suppression_id: str
    kind: str
    source: str
    reason: str | None = None
    number_id: str | None = None
    """The number that the customer told; None when it was an operator."""
    customer: Phone | None = Field(default=None, repr=False)
    customer_key: str | None = None
    """Says who it is where the phone is not known, or must not be written down on the way (the outbox)."""
    masked_phone: str | None = None
    evidence: Details = Field(default_factory=dict)
    actor: str | None = None


# ---------------------------------------------------------------- the way back to 3CX


class ForwardRequested(Event):
    """An integration's 3CX side is to be told something; its envelope's id is the id that the 3CX side sees."""

    name: ClassVar[str] = "forward.requested"
    binding: ClassVar[str] = "forward.requested"

    event_id: UUID
    """The WhatsApp message, opt-out or webhook that it is about."""
    kind: ForwardKind
    number_id: str | None = None
    at: AwareDatetime
    """When what is told happened."""
    customer: Phone | None = Field(default=None, repr=False)
    customer_user_id: UserId | None = Field(default=None, repr=False)
    content: Annotated[dict[str, Any], Personal.TEXT] = Field(repr=False)
    """What is told besides, as it stands in the JSON that is posted."""

    def id_after(self, cause: UUID) -> UUID:
        """One for each integration and kind that a cause is told to."""
        return uuid5(cause, f"{self.name}:{self.integration_id}:{self.kind.value}")


class ForwardDelivered(Event):
    """The 3CX side took what it was told."""

    name: ClassVar[str] = "forward.delivered"
    binding: ClassVar[str] = "forward.delivered"

    event_id: UUID
    forward_id: UUID
    kind: ForwardKind
    attempts: int
    status: int


class ForwardFailed(Event):
    """The 3CX side was not told: it is not tried any more, and lies among the dead letters of `sender.forwards`."""

    name: ClassVar[str] = "forward.failed"
    binding: ClassVar[str] = "forward.failed"

    event_id: UUID
    forward_id: UUID
    kind: ForwardKind
    attempts: int
    reason: str
    status: int | None = None


# ---------------------------------------------------------------- operators' changes


class OperatorEvent(Event):
    """Something an operator did. `changes` names fields with old and new values, never a secret."""

    actor: str
    changes: Details = Field(default_factory=dict)


class AccountChanged(OperatorEvent):
    """An account was created or edited."""

    name: ClassVar[str] = "account.changed"
    binding: ClassVar[str] = "account.changed"

    created: bool = False


class NumberChanged(OperatorEvent):
    """A WhatsApp number was added to an account or edited."""

    name: ClassVar[str] = "number.changed"
    binding: ClassVar[str] = "number.changed"

    number_id: str
    created: bool = False


class NumberPaused(Event):
    """WhatsApp restricted a number, or its whole account: nothing goes out from it until an operator resumes it."""

    name: ClassVar[str] = "number.paused"
    binding: ClassVar[str] = "number.paused"

    number_id: str
    source: str = "provider"
    reason: str
    provider_code: int | None = None


class IntegrationChanged(OperatorEvent):
    """An integration was created or edited."""

    name: ClassVar[str] = "integration.changed"
    binding: ClassVar[str] = "integration.changed"

    created: bool = False


class SecretRotated(OperatorEvent):
    """An integration got a new secret; the old one stays valid until `old_valid_until`."""

    name: ClassVar[str] = "integration.secret_rotated"
    binding: ClassVar[str] = "integration.secret_rotated"

    which: str = "webhook"
    old_valid_until: AwareDatetime | None = None


class DeadLetterReplayed(OperatorEvent):
    """A dead letter was put back onto its queue."""

    name: ClassVar[str] = "dead_letter.replayed"
    binding: ClassVar[str] = "dead_letter.replayed"

    dead_letter_id: str
    queue: str


class ReportRead(OperatorEvent):
    """Somebody read a report, or the console wrote a scheduled one; `sha256` is the digest of its figures."""

    name: ClassVar[str] = "report.read"
    binding: ClassVar[str] = "report.read"

    report: str
    format: str
    period_from: AwareDatetime
    period_to: AwareDatetime
    sha256: str


class RecordExported(OperatorEvent):
    """Somebody took a copy of the record (`export`), or the proof of one record (`proof`)."""

    name: ClassVar[str] = "record.exported"
    binding: ClassVar[str] = "record.exported"

    what: str
    record_id: str | None = None


# ---------------------------------------------------------------- who may do what


class TokenCreated(OperatorEvent):
    """A token of the operators' API was made."""

    name: ClassVar[str] = "token.created"
    binding: ClassVar[str] = "token.created"

    token_id: str
    label: str
    role: str
    accounts: tuple[str, ...] | None = None
    """The accounts that it covers; None: all of them."""
    expires_at: AwareDatetime


class TokenRevoked(OperatorEvent):
    """A token of the operators' API is not accepted any more."""

    name: ClassVar[str] = "token.revoked"
    binding: ClassVar[str] = "token.revoked"

    token_id: str


class OperatorRejected(Event):
    """Calls of the operators' API came without an accepted token; `count` is above 1 in a minute's summary."""

    name: ClassVar[str] = "operator.rejected"
    binding: ClassVar[str] = "operator.rejected"

    reason: str
    client_address: str
    operation: str | None = None
    token_id: str | None = None
    """Whose token it was, once: one that is revoked or expired."""
    count: int = 1


# ---------------------------------------------------------------- what is kept of whom, and for how long


class SubjectErased(OperatorEvent):
    """All that was held of one person was removed, and their records lead to nobody. Says not who it was."""

    name: ClassVar[str] = "subject.erased"
    binding: ClassVar[str] = "subject.erased"

    erasure_id: str
    pseudonyms: tuple[str, ...]
    """What the person's records call them, as ever; nothing leads from there to the person any more."""
    reason: str
    removed: dict[str, int]
    """How much of what was removed."""


class ErasureRefused(OperatorEvent):
    """Somebody asked to erase a person, and the account's legal hold stands against it."""

    name: ClassVar[str] = "subject.erasure_refused"
    binding: ClassVar[str] = "subject.erasure_refused"

    code: str
    reason: str


class SubjectExported(OperatorEvent):
    """Somebody was given all that is held of one person."""

    name: ClassVar[str] = "subject.exported"
    binding: ClassVar[str] = "subject.exported"

    pseudonyms: tuple[str, ...]
    reason: str
    records: int


class LegalHoldChanged(OperatorEvent):
    """An account's legal hold began or ended: while it lasts nothing is purged and nobody erased."""

    name: ClassVar[str] = "legal_hold.changed"
    binding: ClassVar[str] = "legal_hold.changed"

    held: bool


class RecordsPurged(Event):
    """An account's oldest records were removed as its retention says, up to a checkpoint that vouches for them."""

    name: ClassVar[str] = "records.purged"
    binding: ClassVar[str] = "records.purged"

    up_to: int
    """The last purged record's place in the account's chain."""
    count: int
    before: AwareDatetime
    """All of them had happened before this time."""


# ---------------------------------------------------------------- what would be decided


class SimulationRequested(Event):
    """An operator asks what would be decided about a webhook; nothing is sent and nothing counted."""

    name: ClassVar[str] = "simulation.requested"
    binding: ClassVar[str] = "simulation.requested"

    reply_to: str
    actor: str
    payload: WebhookPayload


class SimulationAnswered(Event):
    """What would be decided; its routing key names the console instance that waits for it."""

    name: ClassVar[str] = "simulation.answered"
    binding: ClassVar[str] = "simulation.answered.*"

    simulation_id: UUID
    reply_to: str
    decision: Decision

    @property
    def routing_key(self) -> str:
        """`simulation.answered.<console instance>`."""
        return f"{self.name}.{self.reply_to}"


CONFIGURATION_CHANGES = ("account.*", "number.*", "integration.*")
"""What a service's cached configuration listens to."""

EVENTS: tuple[type[Event], ...] = (
    WebhookReceived,
    WebhookRejected,
    WebhookThrottled,
    MessageApproved,
    WebhookAnswered,
    WhatsAppMessageReceived,
    WhatsAppStatusReceived,
    WhatsAppStatusUnmatched,
    WhatsAppPreferenceChanged,
    WhatsAppIdentityChanged,
    WhatsAppAccountUpdated,
    MessageStatusUpdated,
    MessageSettled,
    SuppressionAdded,
    SuppressionLifted,
    ForwardRequested,
    ForwardDelivered,
    ForwardFailed,
    AccountChanged,
    NumberChanged,
    NumberPaused,
    IntegrationChanged,
    SecretRotated,
    DeadLetterReplayed,
    ReportRead,
    RecordExported,
    TokenCreated,
    TokenRevoked,
    OperatorRejected,
    SubjectErased,
    ErasureRefused,
    SubjectExported,
    LegalHoldChanged,
    RecordsPurged,
    SimulationRequested,
    SimulationAnswered,
)
"""Every event there is; a test holds the list complete."""

BY_NAME: dict[str, type[Event]] = {event.name: event for event in EVENTS}
"""The class for an AMQP `type` property."""
