"""What Evolution's webhook says, as the same events that Meta's leads to; the rule: only what is known is taken over.

So nothing of the envelope goes on, which may hold the instance's own API key (`apikey`). `date_time` is local time
that calls itself UTC and is not read: messages carry `messageTimestamp`, anything else has the time of its coming.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum, unique
from typing import Any, Final
from uuid import UUID, uuid5

from libs.contracts.events import (
    MAX_NAME,
    Event,
    WhatsAppAccountUpdated,
    WhatsAppMessageReceived,
    WhatsAppStatusReceived,
)
from services.ingress.domain.bodies import clean
from services.ingress.domain.evolution_messages import said_in
from services.ingress.domain.jids import Chat, chat_of, person_at

NAMESPACE: Final = UUID("0b3f0c0a-7f0d-5b53-8f0c-4f1de2a6f1d7")  # ours: the same message has the same id for ever
LATEST: Final = 10**11
LONGEST_ID: Final = 512
META_ID: Final = "wamid."
"""How the ids of messages begin where the instance is on WhatsApp's business API."""
STATUSES: Final = {
    "ERROR": "failed",
    "FAILED": "failed",
    "SERVER_ACK": "sent",
    "SENT": "sent",
    "DELIVERY_ACK": "delivered",
    "DELIVERED": "delivered",
    "READ": "read",
    "PLAYED": "played",
}
"""Both vocabularies. DELETED is what Evolution calls every status that it does not know: never a failure."""
TOPIC: Final = "connection_update"
Json = Mapping[str, Any]


@unique
class Passed(StrEnum):
    """Why a part of a post was passed over."""

    UNREADABLE = "unreadable"
    OTHER_INSTANCE = "other_instance"
    OTHER_EVENT = "other_event"
    OURS = "ours"
    GROUP = "group"
    BROADCAST = "broadcast"
    NOBODY = "nobody"
    UNKNOWN_STATUS = "unknown_status"


@dataclass(frozen=True, slots=True)
class Told:
    """One event and the id that it has however often it is told."""

    id: UUID
    event: Event


@dataclass(frozen=True, slots=True)
class Post:
    """What one post held, in its order, each event once; and how many parts were passed over."""

    told: tuple[Told, ...] = ()
    passed: Counter[Passed] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Arrival:
    """Whose post it is, when it came, and the digest of its bytes, which is the same when it is repeated."""

    number_id: str
    account_id: str
    instance: str
    at: datetime
    digest: str

    @property
    def ours(self) -> dict[str, str]:
        """What every event names."""
        return {"account_id": self.account_id, "number_id": self.number_id}

    def id_for(self, *words: str) -> UUID:
        """The id of what these words name among the number's events."""
        return uuid5(NAMESPACE, ":".join((self.number_id, *words)))


def post_from(read: object, arrival: Arrival) -> Post:
    """Find everything in a post that we take in."""
    found: dict[UUID, Told] = {}
    passed: Counter[Passed] = Counter()
    for part in _parts(read, arrival):
        if isinstance(part, Told):
            found.setdefault(part.id, part)
        else:
            passed[part] += 1
    return Post(tuple(found.values()), passed)


def _parts(read: object, arrival: Arrival) -> Iterator[Told | Passed]:
    envelope = _dict(read)
    event, data = envelope.get("event"), envelope.get("data")
    reader = _READERS.get(event.lower().replace("_", ".")) if isinstance(event, str) else None
    if not isinstance(event, str):
        yield Passed.UNREADABLE
    elif envelope.get("instance") != arrival.instance:
        yield Passed.OTHER_INSTANCE
    elif reader is None:
        yield Passed.OTHER_EVENT
    else:
        for part in data if isinstance(data, list) else (data,):
            yield reader(_dict(part), arrival)


def _message(told: Json, arrival: Arrival) -> Told | Passed:
    key = _dict(told.get("key"))
    message_id, sent_at = _id(key.get("id")), _time(told.get("messageTimestamp"))
    if message_id is None or sent_at is None:
        return Passed.UNREADABLE
    if key.get("fromMe"):
        return Passed.OURS
    if (chat := chat_of(key.get("remoteJid"))) is not Chat.PERSON:
        return Passed(chat.value)
    phone, user_id = person_at(key.get("remoteJid"), key.get("remoteJidAlt"))
    if phone is None and user_id is None:
        return Passed.NOBODY
    said, name = said_in(told.get("message")), told.get("pushName")
    event = WhatsAppMessageReceived(
        **arrival.ours,
        message_id=message_id,
        customer=phone,
        customer_user_id=user_id,
        type=said.type,
        text=said.text,
        sent_at=sent_at,
        profile_name=clean(name[:MAX_NAME]) or None if isinstance(name, str) else None,
        reply_to_message_id=said.reply_to or _id(_dict(told.get("contextInfo")).get("stanzaId")),
        opens_window=said.opens_window,
        pressed=said.pressed,
        content=said.content,
    )
    return Told(arrival.id_for("message", message_id), event)


def _status(told: Json, arrival: Arrival) -> Told | Passed:
    message_id, word = _id(told.get("keyId")), told.get("status")
    if message_id is None:
        return Passed.UNREADABLE
    # A business instance says fromMe:false of our own messages too; a phone's says it of the customers', read by us.
    if told.get("fromMe") is False and not message_id.startswith(META_ID):
        return Passed.OURS
    if (chat := chat_of(told.get("remoteJid"))) is not Chat.PERSON:
        return Passed(chat.value)
    status = STATUSES.get(word.upper()) if isinstance(word, str) else None
    if status is None:
        return Passed.UNKNOWN_STATUS
    phone, user_id = person_at(told.get("remoteJid"), told.get("remoteJidAlt"))
    event = WhatsAppStatusReceived(
        **arrival.ours, message_id=message_id, status=status, at=arrival.at, customer=phone, customer_user_id=user_id
    )
    return Told(arrival.id_for("status", message_id, status), event)


def _connection(told: Json, arrival: Arrival) -> Told | Passed:
    state, reason = told.get("state"), told.get("statusReason")
    if not isinstance(state, str) or not state.isprintable():
        return Passed.UNREADABLE
    update = {"state": state[:MAX_NAME]} | ({"status_reason": reason} if type(reason) is int else {})
    event = WhatsAppAccountUpdated(
        **arrival.ours,
        topic=TOPIC,
        business_account_id=arrival.instance,
        at=arrival.at,
        update=update,
    )
    return Told(arrival.id_for("connection", arrival.digest), event)


_READERS: Final = {"messages.upsert": _message, "messages.update": _status, "connection.update": _connection}
"""`send.message` is not among them: it repeats what the sending call was answered."""


def _time(value: object) -> datetime | None:
    """Whole Unix seconds: a number, its digits, or a 64-bit number in two halves."""
    if isinstance(value, Mapping):
        value = value.get("low")
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:12])
    return datetime.fromtimestamp(value, UTC) if type(value) is int and 0 < value < LATEST else None


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _id(value: object) -> str | None:
    """Take an id that can be stored: not empty, not endless, nothing unprintable."""
    return value if isinstance(value, str) and 0 < len(value) <= LONGEST_ID and value.isprintable() else None
