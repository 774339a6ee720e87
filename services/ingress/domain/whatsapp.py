"""What Meta's webhook says, as events: each message and each status by itself, in any batch, however often repeated.

A part that cannot be read is passed over and counted; it never takes its neighbours with it.
"""

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum, unique
from typing import Any, Final
from uuid import UUID, uuid5

from libs.contracts.events import MAX_NAME, WhatsAppMessageReceived, WhatsAppStatusReceived
from libs.contracts.identity import E164_PATTERN
from services.ingress.domain.bodies import clean

NAMESPACE: Final = UUID("6f0c7a3e-5b0e-5c59-9a55-3f3c1f0f4f5e")  # ours: the same message has the same id for ever
STATUSES: Final = frozenset({"sent", "delivered", "read", "played", "failed"})
E164: Final = re.compile(E164_PATTERN, re.ASCII)
SECONDS: Final = re.compile(r"\d{1,11}", re.ASCII)
SIGNATURE: Final = re.compile(r"sha256=([0-9a-f]{64})", re.ASCII)
LONGEST_ID: Final = 512  # characters; Meta's own bound for callback data, and far beyond its ids
LONGEST_USER_ID: Final = 128

Json = Mapping[str, Any]


@unique
class Skip(StrEnum):
    """Why a part of a post was passed over."""

    UNREADABLE = "unreadable"
    UNKNOWN_NUMBER = "unknown_number"
    UNKNOWN_STATUS = "unknown_status"
    GROUP = "group"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Spoken:
    """One event that Meta tells of; its `number_id` is Meta's id of the number until ours is looked up."""

    id: UUID
    event: WhatsAppMessageReceived | WhatsAppStatusReceived


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


def batch_from(read: object) -> Batch:
    """Find every message and status in a post."""
    found: dict[UUID, Spoken] = {}
    skipped: Counter[Skip] = Counter()
    for part in _parts(read):
        if isinstance(part, Spoken):
            found.setdefault(part.id, part)
        else:
            skipped[part] += 1
    return Batch(tuple(found.values()), skipped)


def _parts(read: object) -> Iterator[Spoken | Skip]:
    if not isinstance(read, dict):
        yield Skip.UNREADABLE
    for entry in _list(_dict(read).get("entry")):
        for change in _list(_dict(entry).get("changes")):
            value = _dict(_dict(change).get("value"))
            number = _id(_dict(value.get("metadata")).get("phone_number_id"))
            people = [_dict(person) for person in _list(value.get("contacts"))]
            for message in _list(value.get("messages")):
                yield _message(number, _dict(message), people)
            for status in _list(value.get("statuses")):
                yield _status(number, _dict(status))


def _message(number: str | None, told: Json, people: Sequence[Json]) -> Spoken | Skip:
    wamid, sent_at = _id(told.get("id")), _time(told.get("timestamp"))
    if number is None or wamid is None or sent_at is None:
        return Skip.UNREADABLE
    if told.get("group_id"):
        return Skip.GROUP
    person = _person(told, people)
    # `from` may be missing for people who use a username; then the business-scoped id alone names them.
    customer = _phone(told.get("from")) or _phone(person.get("wa_id"))
    user_id = _id(told.get("from_user_id") or person.get("user_id"), longest=LONGEST_USER_ID)
    if customer is None and user_id is None:
        return Skip.NOBODY
    event = WhatsAppMessageReceived(
        number_id=number,
        message_id=wamid,
        customer=customer,
        customer_user_id=user_id,
        type=(_id(told.get("type")) or "unknown")[:MAX_NAME],
        text=_text(told),
        sent_at=sent_at,
        profile_name=_word(_dict(person.get("profile")).get("name")),
        reply_to_message_id=_id(_dict(told.get("context")).get("id")),
    )
    return Spoken(uuid5(NAMESPACE, f"message:{number}:{wamid}"), event)


def _person(told: Json, people: Sequence[Json]) -> Json:
    """Find who wrote among the post's contacts; a single contact needs no match."""
    if len(people) == 1:
        return people[0]
    keys = {("wa_id", told.get("from")), ("user_id", told.get("from_user_id"))}
    named = (p for p in people if any(value and p.get(key) == value for key, value in keys))
    return next(named, {})


def _text(told: Json) -> str | None:
    """What the customer wrote or pressed: an opt-out may come as a button's title too."""
    button, interactive = _dict(told.get("button")), _dict(told.get("interactive"))
    for value in (
        _dict(told.get("text")).get("body"),
        button.get("text"),
        button.get("payload"),
        _dict(interactive.get("button_reply")).get("title"),
        _dict(interactive.get("list_reply")).get("title"),
    ):
        if isinstance(value, str) and value:
            return clean(value)
    return None


def _status(number: str | None, told: Json) -> Spoken | Skip:
    wamid, at, status = _id(told.get("id")), _time(told.get("timestamp")), told.get("status")
    if number is None or wamid is None or at is None or not isinstance(status, str):
        return Skip.UNREADABLE
    if status not in STATUSES:
        return Skip.UNKNOWN_STATUS
    codes = (_dict(error).get("code") for error in _list(told.get("errors")))
    event = WhatsAppStatusReceived(
        number_id=number,
        message_id=wamid,
        status=status,
        at=at,
        customer=_phone(told.get("recipient_id")),
        callback_data=_id(told.get("biz_opaque_callback_data")),
        provider_codes=tuple(code for code in codes if type(code) is int and abs(code) < 2**31),
    )
    return Spoken(uuid5(NAMESPACE, f"status:{wamid}:{status}"), event)


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _id(value: object, *, longest: int = LONGEST_ID) -> str | None:
    """Take an id that can be stored: not empty, not endless, nothing unprintable."""
    return value if isinstance(value, str) and 0 < len(value) <= longest and value.isprintable() else None


def _word(value: object) -> str | None:
    return clean(value[:MAX_NAME]) if isinstance(value, str) else None


def _phone(value: object) -> str | None:
    """Read Meta's digits as E.164."""
    phone = f"+{value.removeprefix('+')}" if isinstance(value, str) else ""
    return phone if E164.fullmatch(phone) else None


def _time(value: object) -> datetime | None:
    """Read whole Unix seconds, sent as a string."""
    text = str(value) if isinstance(value, str) or type(value) is int else ""
    return datetime.fromtimestamp(int(text), UTC) if SECONDS.fullmatch(text) else None
