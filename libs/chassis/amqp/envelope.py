"""How an event and its postmark become an AMQP message, and back; what comes back is validated like any input."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractIncomingMessage
from pydantic import ValidationError

from libs.chassis.consuming import Postmark, Received
from libs.chassis.settling import UnreadableEvent
from libs.contracts.events import BY_NAME, Event

ATTEMPT, AT, VERSION = "x-attempt", "x-at", "x-version"
SINCE, DUE = "x-since", "x-due"
"""In microseconds: when a delivery was first made to wait, and until when it still has to."""
REASON, QUEUE, DIED_AT = "x-reason", "x-queue", "x-died-at"
_KEPT = (ATTEMPT, AT, VERSION, SINCE)
_TRACE = ("traceparent", "tracestate")


def message_from(event: Event, mark: Postmark, producer: str) -> Message:
    """The message for one event; `x-at` is in microseconds since AMQP's own timestamp knows seconds alone."""
    return Message(
        event.model_dump_json(exclude_none=True).encode(),
        content_type="application/json",
        delivery_mode=DeliveryMode.PERSISTENT,
        message_id=str(mark.id),
        correlation_id=mark.correlation_id or str(mark.id),
        type=event.name,
        app_id=producer,
        timestamp=mark.at,
        headers={
            ATTEMPT: mark.attempt,
            AT: int(mark.at.timestamp() * 1_000_000),
            VERSION: event.version,
            **mark.headers,
        },
    )


def again(incoming: AbstractIncomingMessage, headers: Mapping[str, str | int]) -> Message:
    """The same message once more, with some headers changed; for waiting queues, dead letters and replays."""
    kept: dict[str, Any] = {
        k: v for k, v in incoming.headers.items() if k in (*_KEPT, *_TRACE) and isinstance(v, str | int)
    }
    return Message(
        incoming.body,
        content_type=incoming.content_type,
        delivery_mode=DeliveryMode.PERSISTENT,
        message_id=incoming.message_id,
        correlation_id=incoming.correlation_id,
        type=incoming.type,
        app_id=incoming.app_id,
        timestamp=incoming.timestamp,
        headers=kept | dict(headers),
    )


def attempt_of(incoming: AbstractIncomingMessage) -> int:
    """Which try this delivery is; 1 when nobody said."""
    value = incoming.headers.get(ATTEMPT, 1)
    return max(1, value) if isinstance(value, int) else 1


def moment_in(incoming: AbstractIncomingMessage, header: str) -> datetime | None:
    """The time that a header of ours tells; None when it is not there. Raises UnreadableEvent."""
    at = incoming.headers.get(header)
    if not isinstance(at, int) or isinstance(at, bool):
        return None
    try:
        return datetime.fromtimestamp(at / 1_000_000, UTC)
    except (ValueError, OverflowError, OSError):
        raise UnreadableEvent("time out of range") from None


def trace_of(incoming: AbstractIncomingMessage) -> dict[str, str]:
    """The trace context that came with a message."""
    return {k: v for k in _TRACE if isinstance(v := incoming.headers.get(k), str)}


def received_from(incoming: AbstractIncomingMessage) -> Received[Event]:
    """The event of a message. Raises UnreadableEvent, which says which part is wrong and no value."""
    event_class = BY_NAME.get(incoming.type or "")
    if event_class is None:
        raise UnreadableEvent("unknown event type")
    version = incoming.headers.get(VERSION, event_class.version)
    if version != event_class.version:
        raise UnreadableEvent(f"{event_class.name}: unknown version")
    try:
        message_id = UUID(incoming.message_id or "")
    except ValueError:
        raise UnreadableEvent(f"{event_class.name}: message id is no UUID") from None
    try:
        event = event_class.model_validate_json(incoming.body)
    except ValidationError as error:
        # Below the first level a place may be named by a key that somebody sent.
        places = {str(e["loc"][0]) if e["loc"] else "body" for e in error.errors(include_url=False)}
        raise UnreadableEvent(f"{event_class.name}: {', '.join(sorted(places))}") from None
    return Received(
        event=event,
        id=message_id,
        at=_time_of(incoming),
        attempt=attempt_of(incoming),
        since=moment_in(incoming, SINCE),
        correlation_id=incoming.correlation_id,
        producer=incoming.app_id or "",
    )


def _time_of(incoming: AbstractIncomingMessage) -> datetime:
    at = moment_in(incoming, AT) or incoming.timestamp
    if at is not None:
        return at
    raise UnreadableEvent("no time")
