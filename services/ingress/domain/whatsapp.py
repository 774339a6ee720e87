"""What Meta's webhook says, as events: each message and each status by itself, in any batch, however often repeated.

A part that cannot be read is passed over and counted; it never takes its neighbours with it.
"""

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Final
from uuid import UUID, uuid5

from libs.contracts.events import (
    WhatsAppAccountUpdated,
    WhatsAppIdentityChanged,
    WhatsAppMessageReceived,
    WhatsAppPreferenceChanged,
    WhatsAppStatusReceived,
)
from services.ingress.domain.meta_accounts import (
    ERRORS,
    TOPICS,
    account_of,
    errors_in,
    id_of,
    new_user_ids_in,
    preferences_in,
    update_in,
)
from services.ingress.domain.meta_messages import fields_of, identity_change_in, person_of
from services.ingress.domain.meta_values import Json, codes_in, dict_in, id_in, list_in, phone_in, time_in, user_id_in

NAMESPACE: Final = UUID("6f0c7a3e-5b0e-5c59-9a55-3f3c1f0f4f5e")  # ours: the same message has the same id for ever
STATUSES: Final = frozenset({"sent", "delivered", "read", "played", "failed"})
MESSAGES: Final = "messages"
ABOUT_PEOPLE: Final = frozenset({MESSAGES, "user_preferences", "user_id_update"})
SIGNATURE: Final = re.compile(r"sha256=([0-9a-f]{64})", re.ASCII)

Told = (
    WhatsAppMessageReceived
    | WhatsAppStatusReceived
    | WhatsAppPreferenceChanged
    | WhatsAppIdentityChanged
    | WhatsAppAccountUpdated
)


@unique
class Skip(StrEnum):
    """Why a part of a post was passed over."""

    UNREADABLE = "unreadable"
    UNKNOWN_NUMBER = "unknown_number"
    UNKNOWN_STATUS = "unknown_status"
    GROUP = "group"
    NOBODY = "nobody"
    UNKNOWN_FIELD = "unknown_field"


@dataclass(frozen=True, slots=True)
class Spoken:
    """One event that Meta tells of; its `number_id` is Meta's id of the number until ours is looked up."""

    id: UUID
    event: Told


@dataclass(frozen=True, slots=True)
class Batch:
    """What one post held, in its order, each event once; and how many parts were passed over."""

    spoken: tuple[Spoken, ...] = ()
    skipped: Counter[Skip] = field(default_factory=Counter)


def is_signed(body: bytes, signatures: Sequence[str], *, app_secret: bytes) -> bool:
    """True when `X-Hub-Signature-256` came once and is the HMAC-SHA256 of the raw body (Meta's webhook docs)."""
    match = SIGNATURE.fullmatch(signatures[0]) if len(signatures) == 1 else None
    presented = bytes.fromhex(match[1]) if match else bytes(32)
    expected = hmac.new(app_secret, body, hashlib.sha256).digest()
    return hmac.compare_digest(presented, expected) and match is not None


def batch_from(read: object, *, key: bytes = b"") -> Batch:
    """Find everything that a post tells; `key` goes into the ids of what has none of Meta's."""
    found: dict[UUID, Spoken] = {}
    skipped: Counter[Skip] = Counter()
    for part in _parts(read, key):
        if isinstance(part, Spoken):
            found.setdefault(part.id, part)
        else:
            skipped[part] += 1
    return Batch(tuple(found.values()), skipped)


def _parts(read: object, key: bytes) -> Iterator[Spoken | Skip]:
    if not isinstance(read, dict):
        yield Skip.UNREADABLE
    for entry in map(dict_in, list_in(dict_in(read).get("entry"))):
        for change in map(dict_in, list_in(entry.get("changes"))):
            yield from _change(entry, change, key)


def _change(entry: Json, change: Json, key: bytes) -> Iterator[Spoken | Skip]:
    """What one change says; those without a field's name are told apart by what is in them."""
    topic, value = change.get("field"), dict_in(change.get("value"))
    number = id_in(dict_in(value.get("metadata")).get("phone_number_id"))
    if topic in TOPICS and isinstance(topic, str):
        update = update_in(
            topic, change.get("value"), account=account_of(entry), number=number, at=time_in(entry.get("time"))
        )
        yield Spoken(id_of(update, key), update)
    elif isinstance(topic, str) and topic not in ABOUT_PEOPLE:
        yield Skip.UNKNOWN_FIELD
    elif number is not None and (errors := errors_in(value)):
        update = update_in(ERRORS, errors, account=account_of(entry), number=number, at=time_in(entry.get("time")))
        yield Spoken(id_of(update, key), update)
    else:
        yield from _said_by_people(number, value, key)


def _said_by_people(number: str | None, value: Json, key: bytes) -> Iterator[Spoken | Skip]:
    people = [dict_in(person) for person in list_in(value.get("contacts"))]
    for message in list_in(value.get("messages")):
        yield from _message(number, dict_in(message), people)
    for status in list_in(value.get("statuses")):
        yield _status(number, dict_in(status))
    yield from _named_by_hash(
        (*preferences_in(number or "", value), *new_user_ids_in(number or "", value)), number, key
    )


def _named_by_hash(
    events: Iterable[WhatsAppPreferenceChanged | WhatsAppIdentityChanged | None], number: str | None, key: bytes
) -> Iterator[Spoken | Skip]:
    for event in events:
        yield Skip.UNREADABLE if event is None or number is None else Spoken(id_of(event, key), event)


def _message(number: str | None, told: Json, people: Sequence[Json]) -> Iterator[Spoken | Skip]:
    wamid, sent_at = id_in(told.get("id")), time_in(told.get("timestamp"))
    if number is None or wamid is None or sent_at is None:
        yield Skip.UNREADABLE
        return
    if told.get("group_id"):
        yield Skip.GROUP
        return
    person = person_of(told, people)
    # `from` may be missing for people who use a username; then the business-scoped id alone names them.
    customer = phone_in(told.get("from")) or phone_in(person.get("wa_id"))
    user_id = user_id_in(told.get("from_user_id") or person.get("user_id"))
    if customer is None and user_id is None:
        yield Skip.NOBODY
        return
    event = WhatsAppMessageReceived(
        number_id=number,
        message_id=wamid,
        customer=customer,
        customer_user_id=user_id,
        sent_at=sent_at,
        **fields_of(told, person),
    )
    yield Spoken(uuid5(NAMESPACE, f"message:{number}:{wamid}"), event)
    if (changed := identity_change_in(event, told)) is not None:
        yield Spoken(uuid5(NAMESPACE, f"identity:{number}:{wamid}"), changed)


def _status(number: str | None, told: Json) -> Spoken | Skip:
    wamid, at, status = id_in(told.get("id")), time_in(told.get("timestamp")), told.get("status")
    if number is None or wamid is None or at is None or not isinstance(status, str):
        return Skip.UNREADABLE
    if told.get("recipient_type") == "group" or told.get("group_id"):
        return Skip.GROUP
    if status not in STATUSES:
        return Skip.UNKNOWN_STATUS
    event = WhatsAppStatusReceived(
        number_id=number,
        message_id=wamid,
        status=status,
        at=at,
        customer=phone_in(told.get("recipient_id")),
        customer_user_id=user_id_in(told.get("recipient_user_id")),
        callback_data=id_in(told.get("biz_opaque_callback_data")),
        provider_codes=codes_in(told.get("errors")),
    )
    return Spoken(uuid5(NAMESPACE, f"status:{wamid}:{status}"), event)
