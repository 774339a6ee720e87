"""Every event that the services publish, in the order in which they occur.

An event is a fact in the past tense. Its body holds the fact alone; metadata (id, time, attempt, producer, trace) is in
AMQP properties. A new optional field keeps the version; any other change is a new class and routing key.

Every text field is marked `Personal` or listed, with the reason, in `tests/contract/wire/test_personal_data.py`.
"""

from typing import Annotated, Any, ClassVar
from uuid import UUID, uuid5

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from libs.contracts.content import ContentProblem, InteractiveRequest, MediaRequest, TemplateRequest
from libs.contracts.decisions import Decision, Details, RuleReceipt
from libs.contracts.forwards import ForwardKind
from libs.contracts.identity import GivenPhone, Personal, PersonName, Phone, Text, UserId, WaId
from libs.contracts.results import AnswerCode, AnswerStatus

MAX_NAME = 256
"""Characters that are kept of a short value from outside, such as an id or a type."""


class Event(BaseModel):
    """A fact. `name` is the AMQP type; `binding` is the key that a queue binds to receive it, `name` if not given."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: ClassVar[str]
    binding: ClassVar[str]
    version: ClassVar[int] = 1

    account_id: str | None = None
    integration_id: str | None = None

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        if "name" in cls.__dict__ and "binding" not in cls.__dict__:
            cls.binding = cls.name

    @property
    def routing_key(self) -> str:
        """The routing key that it is published with."""
        return self.binding

    def derived_id(self, cause: UUID) -> UUID:
        """The event's id when the event `cause` led to it; a repetition gets the same id, so it is no second event."""
        return uuid5(cause, self.name)


# ---------------------------------------------------------------- 3CX webhooks


def _folded(value: str) -> str:
    return value.strip().casefold()


class WebhookPayload(BaseModel):
    """The fields of a 3CX webhook, cleaned and not validated: unknown keys and values of a wrong type are left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_type: str | None = None
    to: GivenPhone | None = Field(default=None, repr=False)
    from_: GivenPhone | None = Field(default=None, repr=False)
    customer_phone: GivenPhone | None = Field(default=None, repr=False)
    caller: GivenPhone | None = Field(default=None, repr=False)
    phone: GivenPhone | None = Field(default=None, repr=False)
    user_id: UserId | None = Field(default=None, repr=False)
    """WhatsApp's id of the customer, as it was forwarded in `customer.user_id`; for customers without a known phone."""
    text: Text | None = Field(default=None, repr=False)
    message_purpose: Annotated[str, AfterValidator(_folded)] | None = None
    """Trimmed and case folded."""
    conversation_id: str | None = None
    agent_extension: str | None = None
    queue: str | None = None
    call_time: str | None = None
    direction: str | None = None
    answered: bool | None = None
    did: str | None = None
    """The dialled number or its label, as the phone system sends it."""
    command: str | None = None
    """What an agent asked the gateway in 3CX's chat, instead of a message: a value of `ChatCommand`."""
    language: str | None = None
    """The customer's language (`ar`, `pt-BR`), if the phone system sends it."""
    template: TemplateRequest | None = None
    media: MediaRequest | None = None
    interactive: InteractiveRequest | None = None
    reply_to: str | None = None
    """What the message quotes: WhatsApp's id of a message, or the id of the event that told or sent it."""
    content_problem: ContentProblem | None = None
    """Why one of the three, which was given, is absent here."""


CHAT_DIALECT = "threecx_chat"
"""The dialect of messages that agents write in 3CX's own chat (docs/threecx.md)."""


class ChatParties(BaseModel):
    """Both ends of a chat in 3CX, as 3CX names them: under these numbers a note appears in the same chat."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    customer: GivenPhone = Field(repr=False)
    """The number under which 3CX shows the customer: a phone, or the pseudo number of a customer without one."""
    main_number: GivenPhone = Field(repr=False)
    """The main number of the trunk that the agent wrote from."""


class WebhookReceived(Event):
    """An authenticated 3CX webhook was accepted; its AMQP message id is the `event_id` of the answer."""

    name: ClassVar[str] = "webhook.received"

    reply_to: str
    payload: WebhookPayload
    dialect: str = "native"
    call_events_only: bool = False

    @property
    def chat(self) -> ChatParties | None:
        """The chat that the webhook was written in; None when it is no message of 3CX's chat."""
        if self.dialect != CHAT_DIALECT:
            return None
        return ChatParties(customer=self.payload.to or "", main_number=self.payload.from_ or "")


class WebhookRejected(Event):
    """A request was not authenticated; `count` is above 1 in the summary of a minute."""

    name: ClassVar[str] = "webhook.rejected"

    claimed_integration: str | None = None
    reason: str
    client_address: str
    count: int = 1


class WebhookThrottled(Event):
    """The summary of a minute's requests that were refused for their rate or size and not recorded one by one."""

    name: ClassVar[str] = "webhook.throttled"

    count: int
    code: AnswerCode | None = None
    """The code of the refusal; None: `webhook_rate_limited`."""


class MessageApproved(Event):
    """Every rule passed; the message is to be sent."""

    name: ClassVar[str] = "message.approved"

    event_id: UUID
    event_type: str
    reply_to: str
    number_id: str
    customer: Phone | None = Field(default=None, repr=False)
    customer_user_id: UserId | None = Field(default=None, repr=False)
    customer_wa_id: WaId | None = Field(default=None, repr=False)
    customer_parent_user_id: UserId | None = Field(default=None, repr=False)
    linked_phone: Phone | None = Field(default=None, repr=False)
    """The customer's phone number, where the message is for a user id and WhatsApp has shown the number with it."""
    customer_key: str
    text: Text = Field(repr=False)
    purpose: str
    conversation_id: str | None = None
    received_at: AwareDatetime
    window_closes_at: AwareDatetime | None = None
    after: UUID | None = None
    """The message to the same customer that was approved just before; this one waits until that one is done."""
    replaces: UUID | None = None
    """Of a `MessageReplaced`: the message in whose place this one is sent."""
    template: Annotated[dict[str, Any] | None, Personal.TEXT] = Field(default=None, repr=False)
    """The template to send, or to send once the window is closed: `name`, `language`, `parameters`. One that 3CX asked
    for has its `category` and may have `names` of the parameters, `header`, `header_media` and `buttons`."""
    media: MediaRequest | None = None
    interactive: InteractiveRequest | None = None
    reply_to_message_id: str | None = None
    """WhatsApp's id of the message that this one quotes."""
    chat: ChatParties | None = Field(default=None, repr=False)
    """The chat in 3CX that the message was written in."""
    risk_score: int = 0
    flagged: bool = False
    receipt: tuple[RuleReceipt, ...] = ()


class MessageReplaced(MessageApproved):
    """WhatsApp took a message and refused it afterwards; this one is to be sent in its place, in its other form.

    Sender publishes it: policy alone approves a message, and the broker refuses `message.approved` from any other
    service.
    """

    name: ClassVar[str] = "message.replaced"


CHAT_RESULTS = "result.*.*.chat"
"""The binding of `WebhookAnswered` of messages that were written in 3CX's chat."""


class WebhookAnswered(Event):
    """The final answer to a webhook; its routing key names the ingress replica that waits for it."""

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
    """Identifies the customer when the phone number is not known."""
    received_at: AwareDatetime | None = None
    """When the webhook of an approved message arrived; it determines the day on which the message counts."""
    flagged: bool = False
    """True when the message was sent and marked for review."""
    chat: ChatParties | None = Field(default=None, repr=False)
    """The chat in 3CX that the webhook was written in: a refusal is told there."""
    receipt: tuple[RuleReceipt, ...] = ()

    @property
    def routing_key(self) -> str:
        """`result.<ingress replica>.<code>`, and `.chat` at the end for a message of 3CX's chat."""
        return f"result.{self.reply_to}.{self.code.value}{'' if self.chat is None else '.chat'}"

    @property
    def succeeded(self) -> bool:
        """True when the answer is a success."""
        return isinstance(self.code, AnswerStatus)

    def derived_id(self, cause: UUID) -> UUID:  # noqa: ARG002 -- an event has one answer, whichever service gives it
        """The same in every service that can answer the event, so that the record takes one answer."""
        return answer_id(self.event_id)


def answer_id(event_id: UUID) -> UUID:
    """The id of the one `WebhookAnswered` of an event."""
    return uuid5(event_id, WebhookAnswered.name)


# ---------------------------------------------------------------- WhatsApp


class WhatsAppMessageReceived(Event):
    """A customer wrote to a number."""

    name: ClassVar[str] = "whatsapp.message_received"

    number_id: str
    message_id: str
    customer: Phone | None = Field(default=None, repr=False)
    customer_user_id: UserId | None = Field(default=None, repr=False)
    customer_wa_id: WaId | None = Field(default=None, repr=False)
    customer_parent_user_id: UserId | None = Field(default=None, repr=False)
    type: str
    text: Text | None = Field(default=None, repr=False)
    sent_at: AwareDatetime
    profile_name: PersonName | None = Field(default=None, repr=False)
    reply_to_message_id: str | None = None
    opens_window: bool = True
    """False for a reaction and for a message that WhatsApp itself creates: they do not open the conversation window."""
    pressed: Annotated[tuple[str, ...], Personal.TEXT] = Field(default=(), repr=False)
    """Title and payload of the button or list row that was pressed; `text` is its label."""
    content: Annotated[dict[str, Any] | None, Personal.TEXT] = Field(default=None, repr=False)
    """The type's own object under the type's name (media, a location, contacts, an order …), with the codes of
    `errors`, the `referral` of an advertisement, the `referred_product` that it asks about, and whether it was
    `forwarded`. All providers have Meta's names of types and fields."""


class WhatsAppStatusReceived(Event):
    """WhatsApp sent a status of a message that the gateway sent."""

    name: ClassVar[str] = "whatsapp.status_received"

    number_id: str
    message_id: str
    status: str
    at: AwareDatetime
    customer: Phone | None = Field(default=None, repr=False)
    customer_user_id: UserId | None = Field(default=None, repr=False)
    customer_wa_id: WaId | None = Field(default=None, repr=False)
    customer_parent_user_id: UserId | None = Field(default=None, repr=False)
    callback_data: str | None = None
    provider_codes: tuple[int, ...] = ()
    follows: str | None = None
    """The status of the same message that came before it in the same request; it is applied after that one."""


class WhatsAppStatusUnmatched(Event):
    """A status matched no known message within the time that it may wait for one."""

    name: ClassVar[str] = "whatsapp.status_unmatched"

    number_id: str
    message_id: str
    status: str
    at: AwareDatetime
    provider_codes: tuple[int, ...] = ()


class WhatsAppPreferenceChanged(Event):
    """A customer changed a preference in WhatsApp; `value` is `stop` or `resume`."""

    name: ClassVar[str] = "whatsapp.preference_changed"

    number_id: str
    category: str
    value: str
    at: AwareDatetime
    customer: Phone | None = Field(default=None, repr=False)
    customer_user_id: UserId | None = Field(default=None, repr=False)
    customer_wa_id: WaId | None = Field(default=None, repr=False)
    customer_parent_user_id: UserId | None = Field(default=None, repr=False)


class WhatsAppIdentityChanged(Event):
    """A customer's phone number or business-scoped user id changed."""

    name: ClassVar[str] = "whatsapp.identity_changed"

    number_id: str
    at: AwareDatetime
    customer: Phone | None = Field(default=None, repr=False)
    customer_user_id: UserId | None = Field(default=None, repr=False)
    new_customer: Phone | None = Field(default=None, repr=False)
    new_customer_wa_id: WaId | None = Field(default=None, repr=False)
    new_customer_user_id: UserId | None = Field(default=None, repr=False)
    parent_user_id: UserId | None = Field(default=None, repr=False)
    """The parent of the user id that the customer has after the change."""


class WhatsAppIdentityLinked(Event):
    """WhatsApp's answer to a send, or a status, named the customer otherwise than the message: both are one."""

    name: ClassVar[str] = "whatsapp.identity_linked"

    number_id: str
    event_id: UUID
    """The webhook that led to the message."""
    at: AwareDatetime
    """When WhatsApp answered, or the time of the status."""
    customer_key: str | None = None
    customer: Phone | None = Field(default=None, repr=False)
    """To whom the message was sent."""
    customer_user_id: UserId | None = Field(default=None, repr=False)
    linked_customer: Phone | None = Field(default=None, repr=False)
    """The canonical number of the digits in WhatsApp's answer; None when the answer has none."""
    linked_wa_id: WaId | None = Field(default=None, repr=False)
    """The digits in WhatsApp's answer."""
    linked_user_id: UserId | None = Field(default=None, repr=False)

    def derived_id(self, cause: UUID) -> UUID:  # noqa: ARG002 -- one answer names one customer
        """One id for each message and name."""
        return uuid5(self.event_id, f"{self.name}:{self.linked_wa_id}:{self.linked_user_id}")


class WhatsAppCallReceived(Event):
    """A WhatsApp call between a customer and a number began or ended."""

    name: ClassVar[str] = "whatsapp.call_received"

    number_id: str
    call_id: str
    customer: Phone | None = Field(default=None, repr=False)
    customer_user_id: UserId | None = Field(default=None, repr=False)
    customer_wa_id: WaId | None = Field(default=None, repr=False)
    customer_parent_user_id: UserId | None = Field(default=None, repr=False)
    direction: str
    """`USER_INITIATED` when the customer called, `BUSINESS_INITIATED` when the business did."""
    event: str
    """`connect` when the call began, `terminate` when it ended."""
    status: str | None = None
    """Of a call that ended: `COMPLETED`, or `FAILED` when nobody answered it."""
    at: AwareDatetime


class WhatsAppAccountUpdated(Event):
    """WhatsApp sent an update about a business account, a number or a template: quality, status, alerts."""

    name: ClassVar[str] = "whatsapp.account_updated"

    topic: str
    """The field of WhatsApp's webhook, such as `message_template_status_update`."""
    business_account_id: str
    number_id: str | None = None
    at: AwareDatetime | None = None
    update: Details = Field(default_factory=dict)
    """The update as names and plain values."""


class WhatsAppPostSetAside(Event):
    """A provider's authentic webhook request, or one part of it, could not be read; it is a dead letter of ingress.

    It is not on the record: ingress publishes it to a dead-letter queue, and consumes it when an operator replays it.
    """

    name: ClassVar[str] = "whatsapp.post_set_aside"

    endpoint: str
    """The path of the webhook's address that names the provider: `whatsapp` or `evolution`."""
    number_id: str | None = None
    """The number whose address was posted to; None where all numbers share the address."""
    arrived_at: AwareDatetime
    sealed: str = Field(repr=False)
    """The request's body, compressed and encrypted (`GATEWAY_POST_KEYS`), bound to the message's id."""


class MessageStatusUpdated(Event):
    """A message's status advanced."""

    name: ClassVar[str] = "message.status_updated"

    event_id: UUID
    number_id: str
    message_id: str
    status: str
    """`sent`, `delivered`, `read`, `played` or `failed`."""
    at: AwareDatetime
    conflict: bool = False
    """True when a delivered message failed or a failed one was delivered; the status stays `failed`."""
    provider_codes: tuple[int, ...] = ()
    customer: Phone | None = Field(default=None, repr=False)
    customer_user_id: UserId | None = Field(default=None, repr=False)
    customer_wa_id: WaId | None = Field(default=None, repr=False)
    customer_parent_user_id: UserId | None = Field(default=None, repr=False)
    customer_key: str | None = None


class MessageMarkedRead(Event):
    """WhatsApp was told that a customer's message was read, by the rule of the integration that got it."""

    name: ClassVar[str] = "message.marked_read"

    event_id: UUID
    """The id of the customer's message."""
    number_id: str
    message_id: str
    customer_key: str | None = None
    at: AwareDatetime

    def derived_id(self, cause: UUID) -> UUID:
        """One for each forward, or reply."""
        return uuid5(cause, f"{self.name}:{self.integration_id}")


class MessageSettled(Event):
    """A message whose outcome was unknown got one: `outcome` is `sent` or `failed`."""

    name: ClassVar[str] = "message.settled"

    event_id: UUID
    number_id: str
    outcome: str
    message_id: str
    status: str
    at: AwareDatetime
    provider_codes: tuple[int, ...] = ()
    customer_key: str | None = None

    def derived_id(self, cause: UUID) -> UUID:  # noqa: ARG002 -- a message gets its outcome once
        """The same for every status or delivery that determines the outcome."""
        return uuid5(self.event_id, self.name)


class SuppressionEvent(Event):
    """A change of a customer's suppression."""

    suppression_id: str
    kind: str
    source: str
    reason: str | None = None
    number_id: str | None = None
    """The number that the customer wrote to; None when an operator made the change."""
    customer: Phone | None = Field(default=None, repr=False)
    customer_user_id: UserId | None = Field(default=None, repr=False)
    customer_wa_id: WaId | None = Field(default=None, repr=False)
    customer_parent_user_id: UserId | None = Field(default=None, repr=False)
    customer_key: str | None = None
    """Identifies the customer when the phone number is not known, or must not be stored (in the outbox)."""
    customer_keys: tuple[str, ...] = ()
    """Every key of the customer for which the change was made, for the sink; not in the record."""
    masked_phone: str | None = None
    evidence: Details = Field(default_factory=dict)
    actor: str | None = None

    def derived_id(self, cause: UUID) -> UUID:
        """One id for each cause, and another for a `provider_block`: one START lifts that besides the opt-out."""
        return uuid5(cause, f"{self.name}:{self.kind}" if self.kind == PROVIDER_BLOCK else self.name)


PROVIDER_BLOCK = "provider_block"
"""The `kind` of a suppression with which WhatsApp blocks the business for a customer."""


class SuppressionAdded(SuppressionEvent):
    """A customer opted out, or an operator blocked them; no more messages are sent to them."""

    name: ClassVar[str] = "suppression.added"


class SuppressionLifted(SuppressionEvent):
    """A suppression was lifted."""

    name: ClassVar[str] = "suppression.lifted"

    approval_id: str | None = None
    """The approval of a second person that the lift of a customer's own opt-out needed; None: none."""


class ConsentEvent(Event):
    """A change in the ledger of consents (`libs.store.consents`)."""

    scope: str
    """`all`, a purpose of messages, or `marketing`."""
    source: str
    """`keyword`, `operator`, `import`, `web_form` or `provider`."""
    at: AwareDatetime
    """When the customer agreed, or took it back."""
    customer: Phone | None = Field(default=None, repr=False)
    customer_user_id: UserId | None = Field(default=None, repr=False)
    customer_key: str | None = None
    """Identifies the customer when the phone number is not known, or must not be stored (in the outbox)."""
    masked_phone: str | None = None
    number_id: str | None = None
    """The number that the customer wrote to; None for other sources."""
    actor: str | None = None


class ConsentRecorded(ConsentEvent):
    """The evidence that a customer agreed to be messaged was recorded."""

    name: ClassVar[str] = "consent.recorded"

    consent_id: str
    wording_version: str | None = None
    evidence_hash: str | None = None
    """The SHA-256 of the evidence; in the record under the person's key."""


class ConsentWithdrawn(ConsentEvent):
    """A customer took back consents that were recorded."""

    name: ClassVar[str] = "consent.withdrawn"

    reason: str | None = None
    """The operator's reason."""


class ConsentSubmitted(Event):
    """An integration's web form posted a customer's opt-in; its AMQP message id is the same for a repeated post."""

    name: ClassVar[str] = "consent.submitted"

    scope: str
    wording_version: str | None = None
    at: AwareDatetime
    customer: Phone | None = Field(default=None, repr=False)
    customer_user_id: UserId | None = Field(default=None, repr=False)
    evidence_hash: str | None = None


# ---------------------------------------------------------------- restrictions


class RestrictionEvent(Event):
    """A change of a restriction: what WhatsApp forbids a number, a business account, a template or a customer."""

    restriction_id: str
    scope: str
    """`number`, `waba`, `template`, `pair`, `customer` or `country`."""
    kind: str
    """What the restriction forbids, such as `account`, `credentials` or `unreachable`."""
    cause: str
    """The provider's code, or the topic and event of its notice."""
    key: str | None = None
    """What it is about: a number, business account, template or country; None when that is a customer."""
    number_id: str | None = None
    customer_key: str | None = None
    """The customer of a `pair` or `customer`."""
    since: AwareDatetime
    until: AwareDatetime | None = None
    """When it ends by itself; None: when it is lifted."""
    by: str
    """Who restricted or lifted: `provider`, `customer`, `probe` or `operator`."""
    actor: str | None = None
    """The operator."""
    reason: str | None = None
    """The operator's reason."""
    detail: Details = Field(default_factory=dict)


class RestrictionAdded(RestrictionEvent):
    """WhatsApp forbids something from now on; messages against it are refused until it ends."""

    name: ClassVar[str] = "restriction.added"


class RestrictionLifted(RestrictionEvent):
    """A restriction was lifted; one that ends at its `until` leads to no event."""

    name: ClassVar[str] = "restriction.lifted"


# ---------------------------------------------------------------- forwards to 3CX


class ForwardRequested(Event):
    """A notification is to be posted to a 3CX system; its AMQP message id is the delivery id that 3CX receives."""

    name: ClassVar[str] = "forward.requested"

    event_id: UUID
    """The id of the WhatsApp message, opt-out or webhook that it is about."""
    kind: ForwardKind
    number_id: str | None = None
    at: AwareDatetime
    """When that happened."""
    customer: Phone | None = Field(default=None, repr=False)
    customer_user_id: UserId | None = Field(default=None, repr=False)
    customer_wa_id: WaId | None = Field(default=None, repr=False)
    customer_parent_user_id: UserId | None = Field(default=None, repr=False)
    content: Annotated[dict[str, Any], Personal.TEXT] = Field(repr=False)
    """Further fields of the JSON that is posted."""

    def derived_id(self, cause: UUID) -> UUID:
        """One id for each integration and kind; a note is told once for each message, whatever led to it."""
        about = self.event_id if self.kind is ForwardKind.CHAT_NOTE else cause
        return uuid5(about, f"{self.name}:{self.integration_id}:{self.kind.value}")


class ForwardDelivered(Event):
    """A 3CX system accepted a forward."""

    name: ClassVar[str] = "forward.delivered"

    event_id: UUID
    forward_id: UUID
    kind: ForwardKind
    attempts: int
    status: int


class ForwardFailed(Event):
    """A forward was given up and is a dead letter; or it was cancelled, because its customer was erased (`erased`)."""

    name: ClassVar[str] = "forward.failed"

    event_id: UUID
    forward_id: UUID
    kind: ForwardKind
    attempts: int
    reason: str
    status: int | None = None


# ---------------------------------------------------------------- files of customers


class MediaFetched(Event):
    """Somebody opened a link to a customer's file, or WhatsApp one to the file that a template shows.

    The record holds neither its content nor its name.
    """

    name: ClassVar[str] = "media.fetched"

    number_id: str
    message_id: str
    """WhatsApp's id of the customer's message; of a template's file, the `event_id` of the message that shows it."""
    customer_key: str | None = None
    kind: str
    """The type of the message: `image`, `audio`, `video`, `document` or `sticker`."""
    bytes: int
    """The length of what was sent, or about to be sent, to the caller."""
    sha256: str | None = None
    """The digest of what was sent; None where the file was not sent as a whole."""
    address: str
    """The address of who opened the link."""
    outcome: str
    """`delivered`, or why the file was not, such as `gone`, `mismatch` or `caller_gone`."""


# ---------------------------------------------------------------- operators' changes


class OperatorEvent(Event):
    """An action of an operator. `changes` holds fields with old and new values, never a secret."""

    actor: str
    changes: Details = Field(default_factory=dict)


class AccountChanged(OperatorEvent):
    """An account was created or edited."""

    name: ClassVar[str] = "account.changed"

    created: bool = False
    approval_id: str | None = None
    """The approval of a second person that it needed; None: none."""


class NumberChanged(OperatorEvent):
    """A WhatsApp number was added to an account or edited."""

    name: ClassVar[str] = "number.changed"

    number_id: str
    created: bool = False


class NumberPaused(Event):
    """WhatsApp restricted a number, alone or with its business account; `restriction.added` says what is forbidden."""

    name: ClassVar[str] = "number.paused"

    number_id: str
    source: str = "provider"
    reason: str
    provider_code: int | None = None


class IntegrationChanged(OperatorEvent):
    """An integration was created or edited."""

    name: ClassVar[str] = "integration.changed"

    created: bool = False


class SecretRotated(OperatorEvent):
    """An integration got a new secret; the old one stays valid until `old_valid_until`."""

    name: ClassVar[str] = "integration.secret_rotated"

    which: str = "webhook"
    old_valid_until: AwareDatetime | None = None


class ImportApplied(OperatorEvent):
    """One batch of an import of suppressions or consents was applied: its figures. Nothing in it leads to a person."""

    name: ClassVar[str] = "import.applied"

    import_id: str
    kind: str
    """`suppressions` or `consents`."""
    first_row: int
    rows: int
    results: dict[str, int]
    """The number of rows by result: `added`, `unchanged`, `superseded`, `refused`."""


class DeadLetterReplayed(OperatorEvent):
    """A dead letter was published to its queue again."""

    name: ClassVar[str] = "dead_letter.replayed"

    dead_letter_id: str
    queue: str


class DeadLetterDiscarded(OperatorEvent):
    """An operator decided that a dead letter is not to be replayed; its content was deleted."""

    name: ClassVar[str] = "dead_letter.discarded"

    dead_letter_id: str
    queue: str
    reason: str
    """The operator's reason."""


class ReportRead(OperatorEvent):
    """An operator read a report, or console wrote a scheduled one; `sha256` is the digest of its figures."""

    name: ClassVar[str] = "report.read"

    report: str
    format: str
    period_from: AwareDatetime
    period_to: AwareDatetime
    sha256: str


class RecordExported(OperatorEvent):
    """An operator exported the record (`export`) or the proof of one record (`proof`)."""

    name: ClassVar[str] = "record.exported"

    what: str
    record_id: str | None = None


# ---------------------------------------------------------------- access to the operators' API


class TokenCreated(OperatorEvent):
    """A token of the operators' API was created."""

    name: ClassVar[str] = "token.created"

    token_id: str
    label: str
    role: str
    accounts: tuple[str, ...] | None = None
    """The accounts that it gives access to; None: all of them."""
    expires_at: AwareDatetime


class TokenRevoked(OperatorEvent):
    """A token of the operators' API was revoked."""

    name: ClassVar[str] = "token.revoked"

    token_id: str


class OperatorRejected(Event):
    """A call of the operators' API had no accepted token; `count` is above 1 in the summary of a minute."""

    name: ClassVar[str] = "operator.rejected"

    reason: str
    client_address: str
    operation: str | None = None
    token_id: str | None = None
    """The id of a revoked or expired token."""
    count: int = 1


class DataRead(OperatorEvent):
    """An operator read personal data or the record: an event for each query, which never holds a filter's value.

    Repetitions of a read by the same token, with the same values, are one event for each minute.
    """

    name: ClassVar[str] = "data.read"

    operation: str
    """The operation of the API, such as `list_events`."""
    filters: tuple[str, ...] = ()
    """The names of the query's filters, such as `phone`."""
    resource: str | None = None
    """The id of what was read; None: a list."""
    items: int | None = None
    """How many items the answer has; None: it is no list. Of several answers, the most."""
    count: int = 1
    """How often it was read; above 1 in the record of a minute in which a token repeated a read."""


class AccessRefused(OperatorEvent):
    """A call with a valid token was refused; `count` is above 1 in the summary of a minute."""

    name: ClassVar[str] = "access.refused"

    code: str
    operation: str | None = None
    """The operation of the API; None: several."""
    filters: tuple[str, ...] = ()
    count: int = 1


# ---------------------------------------------------------------- approvals of a second person


class ApprovalRequested(OperatorEvent):
    """An operator requested what takes effect only when a second person approves it."""

    name: ClassVar[str] = "approval.requested"

    approval_id: str
    kind: str
    """A value of `ApprovalKind`."""
    reason: str | None = None
    """The requester's reason."""
    expires_at: AwareDatetime


class ApprovalApproved(OperatorEvent):
    """A second person approved; what was requested takes effect, once."""

    name: ClassVar[str] = "approval.approved"

    approval_id: str
    kind: str
    requested_by: str


class ApprovalRejected(OperatorEvent):
    """A second person rejected what was requested, or the requester withdrew it."""

    name: ClassVar[str] = "approval.rejected"

    approval_id: str
    kind: str
    requested_by: str
    reason: str | None = None


class ApprovalExpired(Event):
    """A request ended without effect: nobody decided in time, or what it is about has changed."""

    name: ClassVar[str] = "approval.expired"

    approval_id: str
    kind: str
    requested_by: str
    code: str
    """A value of `ApprovalEnd`, such as `timed_out`."""


# ---------------------------------------------------------------- privacy and retention


class SubjectErased(OperatorEvent):
    """A person was erased: their data is removed and their records no longer lead to them. Does not name the person."""

    name: ClassVar[str] = "subject.erased"

    erasure_id: str
    pseudonyms: tuple[str, ...]
    """The pseudonyms in the person's records; they no longer lead to the person."""
    reason: str
    removed: dict[str, int]
    """The number of removed items by kind."""
    approval_id: str | None = None
    """The approval of a second person that it needed; None: none."""
    sealed_customer_keys: str | None = Field(default=None, repr=False)
    """The erased customer keys, sealed with a sink key for the person's `erasure_id`; not in the record. A restore
    of an older backup erases them again."""


class ContactBookDeletionEnded(Event):
    """An erased person's entry in WhatsApp's contact book of a number was deleted, or could not be."""

    name: ClassVar[str] = "contact_book.deletion_ended"

    erasure_id: str
    number_id: str
    outcome: str
    """`deleted`, or `failed`: WhatsApp did not confirm it within seven days."""
    tries: int
    problem: str | None = None
    """Why the last try failed, as a word."""


class ErasureRefused(OperatorEvent):
    """An erasure was refused because of the account's legal hold."""

    name: ClassVar[str] = "subject.erasure_refused"

    code: str
    reason: str


class SubjectExported(OperatorEvent):
    """An operator exported everything that is stored about a person."""

    name: ClassVar[str] = "subject.exported"

    pseudonyms: tuple[str, ...]
    reason: str
    records: int


class LegalHoldChanged(OperatorEvent):
    """An account's legal hold began or ended; while it lasts no record is purged and no person erased."""

    name: ClassVar[str] = "legal_hold.changed"

    held: bool
    approval_id: str | None = None
    """The approval of a second person that it needed; None: none."""


class RecordsPurged(Event):
    """An account's oldest records were removed after their retention, up to a checkpoint that covers them."""

    name: ClassVar[str] = "records.purged"

    up_to: int
    """The position of the last purged record in the account's chain."""
    count: int
    before: AwareDatetime
    """Every purged record is older than this time."""


class RecordSignerReset(Event):
    """A replica of audit lost its memory of what it signed, and goes on with what the store has; audit signs this."""

    name: ClassVar[str] = "record.signer_reset"

    replica: str
    """The replica that lost it."""
    reason: str
    """`absent` (there is none) or `unreadable` (it is not as the signer left it)."""
    chains: int = Field(ge=0)
    """How many chains with checkpoints are taken as the store has them."""


class RecordRestored(OperatorEvent):
    """An operator restored an account's record from a backup; audit signs this as a statement and records it.

    `replaced` and `up_to` are those of docs/record-format.md.
    """

    name: ClassVar[str] = "record.restored"

    up_to: int = Field(ge=0)
    """The last position in the account's chain that a shipped checkpoint confirms."""
    replaced: tuple[str, ...]
    """The hashes of the last shipped checkpoints of what is lost."""
    reason: str
    """The operator's reason."""


# ---------------------------------------------------------------- simulations


class SimulationRequested(Event):
    """An operator asked what would be decided about a webhook; nothing is sent and nothing counted."""

    name: ClassVar[str] = "simulation.requested"

    reply_to: str
    actor: str
    payload: WebhookPayload


class SimulationAnswered(Event):
    """The decision of a simulation; its routing key names the console replica that waits for it."""

    name: ClassVar[str] = "simulation.answered"
    binding: ClassVar[str] = "simulation.answered.*"

    simulation_id: UUID
    reply_to: str
    decision: Decision

    @property
    def routing_key(self) -> str:
        """`simulation.answered.<console replica>`."""
        return f"{self.name}.{self.reply_to}"


CONFIGURATION_CHANGES = ("account.*", "number.*", "integration.*")
"""The bindings of events that invalidate a service's cached configuration."""

EVENTS: tuple[type[Event], ...] = (
    WebhookReceived,
    WebhookRejected,
    WebhookThrottled,
    MessageApproved,
    MessageReplaced,
    WebhookAnswered,
    WhatsAppMessageReceived,
    WhatsAppStatusReceived,
    WhatsAppStatusUnmatched,
    WhatsAppPreferenceChanged,
    WhatsAppIdentityChanged,
    WhatsAppCallReceived,
    WhatsAppIdentityLinked,
    WhatsAppAccountUpdated,
    WhatsAppPostSetAside,
    MessageStatusUpdated,
    MessageSettled,
    MessageMarkedRead,
    SuppressionAdded,
    SuppressionLifted,
    ConsentSubmitted,
    ConsentRecorded,
    ConsentWithdrawn,
    ImportApplied,
    RestrictionAdded,
    RestrictionLifted,
    ForwardRequested,
    ForwardDelivered,
    ForwardFailed,
    MediaFetched,
    AccountChanged,
    NumberChanged,
    NumberPaused,
    IntegrationChanged,
    SecretRotated,
    DeadLetterReplayed,
    DeadLetterDiscarded,
    ReportRead,
    RecordExported,
    TokenCreated,
    TokenRevoked,
    OperatorRejected,
    DataRead,
    AccessRefused,
    ApprovalRequested,
    ApprovalApproved,
    ApprovalRejected,
    ApprovalExpired,
    SubjectErased,
    ContactBookDeletionEnded,
    ErasureRefused,
    SubjectExported,
    LegalHoldChanged,
    RecordsPurged,
    RecordSignerReset,
    RecordRestored,
    SimulationRequested,
    SimulationAnswered,
)
"""Every event class; a test keeps the list complete."""

BY_NAME: dict[str, type[Event]] = {event.name: event for event in EVENTS}
"""The event class for an AMQP `type` property."""
