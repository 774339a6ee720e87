"""`record_from`: turns an event into its record, without personal data in plain form.

Fields that the contracts mark as `Personal` become hashes, masked forms and lengths. In free values from outside, runs
of seven digits or more are cut, since people and phone systems put phone numbers into names and ids. Values that
identify a person (the masked phone, message ids, which hold the phone in Base64, hashes of texts) are encrypted with
the person's own key (docs/decisions/0009). Without a person there is no such key, and no hash of a text (decision 56).
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any, get_args
from uuid import UUID

from libs.chassis.subscriptions import Received
from libs.contracts.content import InteractiveRequest, MediaRequest
from libs.contracts.decisions import RuleReceipt
from libs.contracts.events import (
    Event,
    ForwardRequested,
    MediaFetched,
    MessageMarkedRead,
    MessageSettled,
    MessageStatusUpdated,
    WebhookPayload,
    WebhookReceived,
    WebhookRejected,
    WhatsAppIdentityLinked,
    WhatsAppStatusReceived,
)
from libs.contracts.identity import Personal, Pseudonyms, masked
from libs.store.records import Record
from libs.store.subjects import SubjectKey
from services.audit.domain.message_content import interactive_details, media_details, template_details
from services.audit.domain.values import MESSAGE_IDS, UNCHANGED, json_value_from, without_numbers

_COLUMNS = frozenset(
    {"account_id", "integration_id", "event_id", "code", "purpose", "actor", "reply_to", "customer_key", "masked_phone"}
) | {"customer_keys", "sealed_customer_keys"}  # for the sink alone (services/audit/handlers/restore_lines.py)
_ENCRYPTED = MESSAGE_IDS | {"conversation_id"}
_PHONE_FIELDS = ("to", "from_", "customer_phone", "caller", "phone", "user_id")
_PAYLOAD_FIELDS = ("event_type", "agent_extension", "queue", "call_time", "direction", "answered")
_NO_ACCOUNT = "-"
_ABOUT_EARLIER_ONES = frozenset(
    {
        WhatsAppStatusReceived,
        WhatsAppIdentityLinked,
        MessageStatusUpdated,
        MessageSettled,
        ForwardRequested,
        MediaFetched,
        MessageMarkedRead,
    }
)
_PLAIN = UNCHANGED | {str, datetime, UUID, dict}
"""Types of most values: no content of a message is one of them."""
HashOf = Callable[[str, str], str]
"""Makes the hash of a value of this kind."""


def customer_key_of(event: Event, pseudonyms: Pseudonyms) -> str | None:
    """The key of the event's customer; None when the event has none."""
    fields = vars(event)
    key: str | None = fields.get("customer_key")
    address = fields.get("customer") or fields.get("customer_user_id") or fields.get("new_customer_user_id")
    return key or (pseudonyms.customer_key(event.account_id or _NO_ACCOUNT, address) if address else None)


def introduces_customer(event: Event) -> bool:
    """Whether an unknown customer gets a key by this event.

    Events about earlier ones give no key: a status that arrives after its customer's erasure has no customer.
    """
    return type(event) not in _ABOUT_EARLIER_ONES


def times_of(event: Event, at: datetime) -> list[datetime]:
    """When an event was published (`at`), and when what it tells happened, as far as it says."""
    told = map(vars(event).get, ("at", "received_at", "sent_at"))
    return [at, *(each for each in told if isinstance(each, datetime))]


def record_from(
    received: Received[Event], *, pseudonyms: Pseudonyms, subject: SubjectKey | None, recorded_at: datetime
) -> Record:
    """The record of an event about the person with the key `subject`; flagged when it came backdated.

    Values are hashed with that key; without a person, only ids of messages are, which nobody can guess (`pseudonyms`).
    """
    event, id_ = received.event, str(received.id)
    account = event.account_id or _NO_ACCOUNT

    def hash_of(kind: str, value: str) -> str:
        return pseudonyms.text_hash(account, value) if subject is None else subject.hashed(kind, value)

    public, personal = _split_personal(_details(event, hash_of))
    masked_phone = _masked_phone(event)
    if masked_phone:
        personal["masked_phone"] = masked_phone
    if subject is None:
        public |= {f"{name}_hash": hash_of(name, str(personal[name])) for name in personal if name in MESSAGE_IDS}
    if received.backdated:
        public["backdated"] = True
    return Record(
        id=id_,
        at=received.at,
        type=event.name,
        account_id=event.account_id,
        integration_id=event.integration_id,
        event_id=_event_id(event, id_),
        correlation_id=received.correlation_id,
        code=_code(event),
        purpose=_purpose(event),
        actor=vars(event).get("actor"),
        customer_hash=None if subject is None else subject.pseudonym,
        details=public,
        personal=subject.seal(id_, personal) if subject is not None and personal else None,
        producer=received.producer,
        recorded_at=recorded_at,
    )


def _masked_phone(event: Event) -> str | None:
    fields = vars(event)
    customer = fields.get("customer")
    return masked(customer) if customer else fields.get("masked_phone")


def _split_personal(details: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The details in plain form, and those to encrypt with the person's key, in the same shape."""
    public: dict[str, Any] = {}
    personal: dict[str, Any] = {}
    for name, value in details.items():
        if name in _ENCRYPTED or name.endswith("_hash"):
            personal[name] = value
        elif isinstance(value, dict):
            public[name], inner = _split_personal(value)
            personal |= {name: inner} if inner else {}
        else:
            public[name] = value
    return public, personal


def _event_id(event: Event, id_: str) -> str:
    """The webhook or WhatsApp message that an event belongs to; the event's own id when it is the first."""
    return str(vars(event).get("event_id", id_))


def _code(event: Event) -> str | None:
    code = vars(event).get("reason" if type(event) is WebhookRejected else "code")
    return None if code is None else str(code)


def _purpose(event: Event) -> str | None:
    value = event.payload.message_purpose if type(event) is WebhookReceived else vars(event).get("purpose")
    return None if value is None else without_numbers(str(value))


def _details(event: Event, hash_of: HashOf) -> dict[str, Any]:
    details: dict[str, Any] = {}
    values = vars(event)
    for name, kind in _described_fields(type(event)):
        value = values[name]
        if value is None or (type(value) is tuple and not value):
            continue
        if kind is None and type(value) in _PLAIN:
            details[name] = str(value) if name in MESSAGE_IDS else json_value_from(value)
        elif kind is Personal.TEXT:
            is_template = name == "template" and isinstance(value, dict)
            details |= {name: template_details(value, hash_of)} if is_template else _text(name, str(value), hash_of)
        elif name == "receipt":
            details[name] = [_receipt_line(line) for line in value]
        elif isinstance(value, WebhookPayload):
            details |= _payload(value, hash_of)
        elif isinstance(value, MediaRequest):
            details[name] = media_details(value)
        elif isinstance(value, InteractiveRequest):
            details[name] = interactive_details(value, hash_of)
        else:
            details[name] = json_value_from(value)
    return details


def _receipt_line(line: RuleReceipt) -> dict[str, Any]:
    """A rule's line, without the masked phone that rules of earlier releases noted, and without numbers in names."""
    inputs = {
        name: value if type(value) in UNCHANGED else json_value_from(value)
        for name, value in line.inputs.items()
        if name != "phone"
    }
    return {"rule": line.rule, "version": line.version, "passed": line.passed, "inputs": inputs}


def _payload(payload: WebhookPayload, hash_of: HashOf) -> dict[str, Any]:
    fields = vars(payload)
    details = {name: json_value_from(fields[name]) for name in _PAYLOAD_FIELDS if fields[name] is not None}
    details["phone_fields"] = [name.rstrip("_") for name in _PHONE_FIELDS if fields[name] is not None]
    if payload.text is not None:
        details |= _text("text", payload.text, hash_of)
    if payload.template is not None:
        details["template"] = template_details(payload.template, hash_of)
    if payload.media is not None:
        details["media"] = media_details(payload.media)
    if payload.interactive is not None:
        details["interactive"] = interactive_details(payload.interactive, hash_of)
    if payload.reply_to is not None:
        details["reply_to_message_id"] = payload.reply_to
    if payload.content_problem is not None:
        details["content_problem"] = payload.content_problem.model_dump(exclude_none=True)
    return details


def _text(name: str, text: str, hash_of: HashOf) -> dict[str, Any]:
    return {f"{name}_length": len(text), f"{name}_hash": hash_of("text", text)}


@cache
def _described_fields(event: type[Event]) -> tuple[tuple[str, Personal | None], ...]:
    """The fields that go into the details, in their order; of personal ones those with texts, whose length does."""
    personal = _personal_fields(event)
    names = [name for name in event.model_fields if name not in _COLUMNS]
    return tuple((name, personal.get(name)) for name in names if personal.get(name) in {None, Personal.TEXT})


@cache
def _personal_fields(event: type[Event]) -> dict[str, Personal]:
    return {
        name: kind
        for name, info in event.model_fields.items()
        if (kind := next(_kinds(info.annotation, info.metadata), None)) is not None
    }


def _kinds(annotation: object, metadata: object = ()) -> Iterator[Personal]:
    for item in (*(metadata if isinstance(metadata, list | tuple) else ()), *get_args(annotation)):
        if isinstance(item, Personal):
            yield item
        else:
            yield from _kinds(item)
