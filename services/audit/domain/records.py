"""How an event becomes a record. No I/O, no clock, no logging; nothing personal gets through.

Fields marked `Personal` in the contracts become hashes, masked forms and lengths. Free values from outside keep no run
of seven digits or more, since phone systems put numbers into ids. Whatever leads to a person (the masked phone, message
ids, which hold the phone in Base64, hashes of texts) is sealed with that person's own key (docs/decisions/0009).
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any, get_args
from uuid import UUID

from libs.contracts.events import (
    Event,
    ForwardRequested,
    MessageSettled,
    MessageStatusUpdated,
    WebhookPayload,
    WebhookReceived,
    WebhookRejected,
    WhatsAppStatusReceived,
)
from libs.contracts.identity import Personal, keyed_hash, masked
from libs.store.records import Record
from libs.store.subjects import SubjectKey
from services.audit.domain.values import MESSAGE_IDS, plain, without_numbers

_COLUMNS = frozenset(
    {"account_id", "integration_id", "event_id", "code", "purpose", "actor", "reply_to", "customer_key", "masked_phone"}
)
_SEALED = MESSAGE_IDS | {"conversation_id"}
_PHONE_FIELDS = ("to", "from_", "customer_phone", "caller", "phone")
_SHOWN_PAYLOAD = ("event_type", "agent_extension", "queue", "call_time", "direction", "answered")
_NOBODY = "-"
Hashed = Callable[[str, str], str]
"""The hash of a value, by what it is."""


def customer_key_of(event: Event, key: bytes) -> str | None:
    """Whom the event is about, as the deployment knows them; None: nobody, or somebody unknown."""
    known: str | None = getattr(event, "customer_key", None)
    known_as = getattr(event, "customer", None) or getattr(event, "customer_user_id", None)
    return known or (keyed_hash(key, event.account_id or _NOBODY, known_as) if known_as else None)


def begins_with(event: Event) -> bool:
    """Whether somebody unknown becomes known by the event.

    Not by an echo of what went before: a status that comes days after its customer was erased is about nobody.
    """
    return not isinstance(event, WhatsAppStatusReceived | MessageStatusUpdated | MessageSettled | ForwardRequested)


def record_from(
    event: Event, *, id_: UUID, at: datetime, correlation_id: str | None, key: bytes, subject: SubjectKey | None
) -> Record:
    """The one record of `event`, whose postmark says `id_` and `at`, about the person with the key `subject`.

    `key` is the deployment's hash key; it hashes what belongs to nobody that we know.
    """
    account = event.account_id or _NOBODY

    def hashed(what: str, value: str) -> str:
        return keyed_hash(key, account, value) if subject is None else subject.hashed(what, value)

    open_, sealed = _parted(dict(_details(event, hashed)))
    masked_phone = _masked_phone(event)
    if masked_phone:
        sealed["masked_phone"] = masked_phone
    if subject is None:
        open_ |= {name: value for name, value in sealed.items() if name.endswith("_hash")}
        open_ |= {f"{name}_hash": hashed(name, str(sealed[name])) for name in MESSAGE_IDS & sealed.keys()}
    return Record(
        id=str(id_),
        at=at,
        type=event.name,
        account_id=event.account_id,
        integration_id=event.integration_id,
        event_id=_event_id(event, id_),
        correlation_id=correlation_id,
        code=_code(event),
        purpose=_purpose(event),
        actor=getattr(event, "actor", None),
        customer_hash=None if subject is None else subject.pseudonym,
        details=open_,
        personal=subject.seal(str(id_), sealed) if subject is not None and sealed else None,
    )


def _masked_phone(event: Event) -> str | None:
    customer = getattr(event, "customer", None)
    return masked(customer) if customer else getattr(event, "masked_phone", None)


def _parted(details: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What anybody may read of the details, and what only with the person's key; in the same shape."""
    open_: dict[str, Any] = {}
    sealed: dict[str, Any] = {}
    for name, value in details.items():
        if name in _SEALED or name.endswith("_hash"):
            sealed[name] = value
        elif isinstance(value, dict):
            open_[name], within = _parted(value)
            sealed |= {name: within} if within else {}
        else:
            open_[name] = value
    return open_, sealed


def _event_id(event: Event, id_: UUID) -> str:
    """The webhook or WhatsApp message that an event belongs to; the event itself when it begins a story."""
    return str(getattr(event, "event_id", id_))


def _code(event: Event) -> str | None:
    if isinstance(event, WebhookRejected):
        return event.reason
    code = getattr(event, "code", None)
    return None if code is None else str(code)


def _purpose(event: Event) -> str | None:
    value = event.payload.message_purpose if isinstance(event, WebhookReceived) else getattr(event, "purpose", None)
    return None if value is None else without_numbers(str(value))


def _details(event: Event, hashed: Hashed) -> Iterator[tuple[str, Any]]:
    personal = _personal_fields(type(event))
    for name in type(event).model_fields:
        value = getattr(event, name)
        if name in _COLUMNS or value is None or value == ():
            continue
        kind = personal.get(name)
        if isinstance(value, WebhookPayload):
            yield from _payload(value, hashed)
        elif kind is Personal.TEXT:
            yield from _text(name, str(value), hashed)
        elif name == "receipt":
            # Made by our own rules, which see no number and no text; the largest part of an approval.
            yield name, [line.model_dump(mode="json") for line in value]
        elif kind is None and name != "profile_name":
            yield name, str(value) if name in MESSAGE_IDS else plain(value)


def _payload(payload: WebhookPayload, hashed: Hashed) -> Iterator[tuple[str, Any]]:
    for name in _SHOWN_PAYLOAD:
        if (value := getattr(payload, name)) is not None:
            yield name, plain(value)
    yield "phone_fields", [name.rstrip("_") for name in _PHONE_FIELDS if getattr(payload, name) is not None]
    if payload.text is not None:
        yield from _text("text", payload.text, hashed)


def _text(name: str, text: str, hashed: Hashed) -> Iterator[tuple[str, Any]]:
    yield f"{name}_length", len(text)
    yield f"{name}_hash", hashed("text", text)


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
