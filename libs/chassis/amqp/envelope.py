"""Converts an event and its metadata to an AMQP message and back; a received message is validated like any input."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractIncomingMessage, HeadersType
from pydantic import ValidationError

from libs.chassis.settlement import UnknownEvent, UnreadableEvent
from libs.chassis.subscriptions import MessageMetadata, Received
from libs.contracts.events import BY_NAME, Event
from libs.contracts.stored_times import is_from_the_future

ATTEMPT, AT, VERSION = "x-attempt", "x-at", "x-version"
SINCE, DUE, DUE_SET = "x-since", "x-due", "x-due-set"
"""In microseconds since the epoch: when a delivery was first delayed, when it is due, and when that was set."""
ACCOUNT, BEHIND = "x-account", "x-behind"
"""The account's id, by which consumers share their work; and a mark of deliveries that were put behind others."""
MAC = "x-mac"
"""The MAC of the producer (`authentication.py`); every copy of a message keeps it."""
REASON, QUEUE, DIED_AT = "x-reason", "x-queue", "x-died-at"
_LATEST_SECOND = 10**11
"""Larger times of death are in microseconds: earlier releases wrote whole seconds."""
_MOST_ATTEMPTS = 1_000_000
_EVENT_NAME = re.compile(r"[a-z][a-z_]{0,63}\.[a-z][a-z_]{0,63}")
_KEPT = (ATTEMPT, AT, VERSION, MAC, SINCE, ACCOUNT, BEHIND)
_TRACE = ("traceparent", "tracestate")
_PROPERTIES = ("content_type", "message_id", "correlation_id", "type", "app_id")


class EventMessage(Message):
    """The library's message with the properties of an event, made fast.

    The library's own checks at each attribute whether the message is locked, and converts each value to its type.
    """

    __slots__ = ()
    __setattr__ = object.__setattr__  # type: ignore[assignment]  # the same signature, with any value

    def __init__(  # no conversions: the values have their types
        self,
        body: bytes,
        *,
        headers: HeadersType,
        message_id: str,
        correlation_id: str,
        type: str,  # noqa: A002 -- as the property is called
        app_id: str,
        timestamp: datetime,
    ) -> None:
        self.body, self.body_size = body, len(body)
        self.headers = headers
        self.content_type, self.content_encoding = "application/json", None
        self.delivery_mode, self.priority = DeliveryMode.PERSISTENT, 0
        self.message_id, self.correlation_id = message_id, correlation_id
        self.type, self.app_id, self.timestamp = type, app_id, timestamp
        self.reply_to = self.expiration = self.user_id = None


def message_from(event: Event, metadata: MessageMetadata, producer: str) -> Message:
    """The message for one event; `x-at` is in microseconds, because AMQP's timestamp is in whole seconds."""
    message_id = str(metadata.id)
    headers: HeadersType = {
        ATTEMPT: metadata.attempt,
        AT: int(metadata.at.timestamp() * 1_000_000),
        VERSION: event.version,
    }
    if event.account_id is not None:
        headers[ACCOUNT] = event.account_id
    headers.update(metadata.headers)
    return EventMessage(
        event.model_dump_json(exclude_none=True).encode(),
        message_id=message_id,
        correlation_id=metadata.correlation_id or message_id,
        type=event.name,
        app_id=producer,
        timestamp=metadata.at,
        headers=headers,
    )


def dead_letter_message_from(
    event: Event, metadata: MessageMetadata, producer: str, *, queue: str, reason: str
) -> Message:
    """The message of an event that is published as a dead letter of the work queue `queue`."""
    message = message_from(event, metadata, producer)
    message.headers |= {REASON: reason, QUEUE: queue, DIED_AT: death_header(metadata.at)}
    return message


def death_header(at: datetime) -> int:
    """The time of death in microseconds: a letter that fails its replay in the same second is another letter."""
    return int(at.timestamp() * 1_000_000)


def death_from_header(value: int) -> datetime:
    """The time of death that a header holds."""
    return datetime.fromtimestamp(value if value < _LATEST_SECOND else value / 1_000_000, UTC)


def republish(incoming: AbstractIncomingMessage, headers: Mapping[str, str | int]) -> Message:
    """A copy of a message with other headers, for a wait queue, a dead-letter queue or a retired queue's successor."""
    kept: dict[str, Any] = {
        k: v for k, v in incoming.headers.items() if k in (*_KEPT, *_TRACE) and isinstance(v, str | int)
    }
    return Message(
        incoming.body,
        delivery_mode=DeliveryMode.PERSISTENT,
        timestamp=incoming.timestamp,
        headers=kept | dict(headers),
        **properties_of(incoming),
    )


def properties_of(incoming: AbstractIncomingMessage) -> dict[str, Any]:
    """The AMQP properties that every copy of a message keeps."""
    return {name: getattr(incoming, name) for name in _PROPERTIES}


def attempt_of(incoming: AbstractIncomingMessage) -> int:
    """The number of this try; 1 without the header. A header from outside may hold any number."""
    value = incoming.headers.get(ATTEMPT, 1)
    return min(max(1, value), _MOST_ATTEMPTS) if isinstance(value, int) else 1


def account_of(incoming: AbstractIncomingMessage) -> str:
    """The account whose work the message is; empty when the message does not say."""
    account = incoming.headers.get(ACCOUNT)
    return account if isinstance(account, str) else ""


def was_behind(incoming: AbstractIncomingMessage) -> bool:
    """True for a delivery that was put behind others before."""
    return BEHIND in incoming.headers


def time_header(incoming: AbstractIncomingMessage, header: str) -> datetime | None:
    """The time in a header, given in microseconds; None without the header. Raises UnreadableEvent."""
    at = incoming.headers.get(header)
    if type(at) is not int:  # nor a boolean
        return None
    try:
        return datetime.fromtimestamp(at / 1_000_000, UTC)
    except (ValueError, OverflowError, OSError):
        raise UnreadableEvent("time out of range") from None


def is_delayed(incoming: AbstractIncomingMessage) -> bool:
    """True for a delivery that says when it is due: `time_left` until then is zero for any other."""
    return DUE in incoming.headers


def time_left(incoming: AbstractIncomingMessage, now: datetime) -> timedelta:
    """How long until the delivery is due; none when its time was set by a clock that was set back since.

    Raises UnreadableEvent for a time out of range.
    """
    if (due := time_header(incoming, DUE)) is None:
        return timedelta()
    due_set = time_header(incoming, DUE_SET)
    if due_set is not None and is_from_the_future(due_set, now):
        return timedelta()
    return max(due - now, timedelta())


def trace_of(incoming: AbstractIncomingMessage) -> dict[str, str]:
    """The trace context of a message."""
    return {k: v for k in _TRACE if isinstance(v := incoming.headers.get(k), str)}


def received_from(incoming: AbstractIncomingMessage) -> Received[Event]:
    """The event of a message. Raises UnreadableEvent, which names the part at fault and no value.

    It is UnknownEvent for a class or version that a later release may have: what has the form of a name or a version.
    """
    event_class = BY_NAME.get(incoming.type or "")
    if event_class is None:
        is_a_name = _EVENT_NAME.fullmatch(incoming.type or "")
        raise UnknownEvent("unknown event type") if is_a_name else UnreadableEvent("no event type")
    version = incoming.headers.get(VERSION, event_class.version)
    if version != event_class.version:
        is_later = type(version) is int and version > event_class.version
        raise (UnknownEvent if is_later else UnreadableEvent)(f"{event_class.name}: unknown version")
    try:
        message_id = UUID(incoming.message_id or "")
    except ValueError:
        raise UnreadableEvent(f"{event_class.name}: message id is no UUID") from None
    try:
        event = event_class.model_validate_json(incoming.body)
    except ValidationError as error:
        # Below the first level a location may contain a key from outside.
        parts = {str(e["loc"][0]) if e["loc"] else "body" for e in error.errors(include_url=False)}
        raise UnreadableEvent(f"{event_class.name}: {', '.join(sorted(parts))}") from None
    return Received(
        event=event,
        id=message_id,
        at=_time_of(incoming),
        attempt=attempt_of(incoming),
        waiting_since=time_header(incoming, SINCE),
        correlation_id=incoming.correlation_id,
        producer=incoming.app_id or "",
        redelivered=bool(incoming.redelivered),
    )


def _time_of(incoming: AbstractIncomingMessage) -> datetime:
    at = time_header(incoming, AT) or incoming.timestamp
    if at is not None:
        return at
    raise UnreadableEvent("no time")
