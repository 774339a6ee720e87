"""`DeadLetterConsumer`: hands dead letters to a handler that stores them; and the conversion to and from messages.

A dead letter is acknowledged only once the handler has stored it. Until then it waits here: requeueing it would count
towards the broker's delivery limit.
"""

import asyncio
import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from libs.chassis.amqp.consumer_handle import ConsumerHandle
from libs.chassis.amqp.declarations import declare_consumed_queue
from libs.chassis.amqp.deliveries import acknowledge, is_stale
from libs.chassis.amqp.envelope import (
    AT,
    ATTEMPT,
    DIED_AT,
    REASON,
    VERSION,
    attempt_of,
    death_from_header,
    properties_of,
)
from libs.chassis.amqp.faults import library_cancellations_as_errors
from libs.chassis.amqp.in_flight import InFlight
from libs.chassis.backoff import backoff
from libs.chassis.clock import Clock
from libs.chassis.failures import failure_location
from libs.chassis.subscriptions import DeadLettered, DeadLetterHandler
from libs.chassis.telemetry import logger
from libs.chassis.topology import WorkQueue, dead_letter_queue

log = logger(__name__)
STORE_PAUSES = (0.5, 2.0, 5.0)
"""Seconds between tries to store a dead letter; the last repeats."""


class DeadLetterConsumer:
    """Consumes the dead-letter queue of one work queue."""

    def __init__(self, work: WorkQueue, handler: DeadLetterHandler, *, clock: Clock) -> None:
        self.work = work
        self._handler = handler
        self._clock = clock
        self._in_flight = InFlight()
        self._stopping = False
        self._handle = ConsumerHandle()

    async def start(self, channel: AbstractChannel) -> None:
        """Consume on `channel`, which belongs to this consumer and has its prefetch set."""
        await self._handle.start(await declare_consumed_queue(channel, dead_letter_queue(self.work)), self._receive)

    async def stop(self, seconds: float) -> None:
        """Receive no more; what is not stored within `seconds` stays in the queue."""
        self._stopping = True
        await self._handle.cancel()
        await self._in_flight.finish(seconds)
        await self._handle.close()

    async def is_consuming(self) -> bool:
        """True while the broker delivers to this consumer."""
        return await self._handle.is_consuming()

    async def _receive(self, incoming: AbstractIncomingMessage) -> None:
        if not self._stopping:
            self._in_flight.start(self._process(incoming))

    async def _process(self, incoming: AbstractIncomingMessage) -> None:
        dead_letter = dead_letter_from(incoming, self.work.name, now=self._clock())
        pauses = backoff(*STORE_PAUSES)
        while True:
            try:
                with library_cancellations_as_errors():
                    await self._handler(dead_letter)
            except Exception as failure:  # noqa: BLE001 -- no failure may lose the dead letter
                log.warning(
                    "dead letter not stored, will retry",
                    queue=self.work.name,
                    failure=type(failure).__name__,
                    at=failure_location(failure),
                )
            else:
                break
            if self._stopping or is_stale(incoming):
                return
            await asyncio.sleep(next(pauses))
        await acknowledge(incoming, self.work.dead_letter_queue)


def dead_letter_from(incoming: AbstractIncomingMessage, queue: str, *, now: datetime) -> DeadLettered:
    """The dead letter that a message holds, whether a service or the broker dead-lettered it."""
    reason, died_at = death_of(incoming, now)
    owner = _owner_of(incoming.body)
    return DeadLettered(
        id=_id_of(incoming, queue, died_at),
        queue=queue,
        reason=reason,
        name=incoming.type,
        message_id=incoming.message_id,
        account_id=owner.get("account_id"),
        integration_id=owner.get("integration_id"),
        attempts=attempt_of(incoming),
        died_at=died_at,
        serialized=_serialized(incoming),
    )


def message_from_dead_letter(serialized: str) -> Message:
    """The message as it was first published: its tries are counted from 1 again."""
    fields: dict[str, Any] = json.loads(serialized)
    body, at, headers = base64.b64decode(fields.pop("body")), fields.pop("timestamp"), fields.pop("headers")
    return Message(
        body,
        delivery_mode=DeliveryMode.PERSISTENT,
        timestamp=None if at is None else datetime.fromtimestamp(at, UTC),
        headers={**headers, ATTEMPT: 1},
        **fields,
    )


def death_of(incoming: AbstractIncomingMessage, now: datetime) -> tuple[str, datetime]:
    """The reason and time of dead-lettering; the broker writes them to `x-death`, the latest entry first."""
    reason, at = incoming.headers.get(REASON), incoming.headers.get(DIED_AT)
    if isinstance(reason, str):
        return reason, death_from_header(at) if isinstance(at, int) else now
    deaths = incoming.headers.get("x-death")
    last = deaths[0] if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict) else {}
    given, time = last.get("reason"), last.get("time")
    reason = f"broker: {given.decode() if isinstance(given, bytes) else given or 'unknown'}"
    return reason, time.astimezone(UTC) if isinstance(time, datetime) else now


def _serialized(incoming: AbstractIncomingMessage) -> str:
    headers = {k: v for k, v in incoming.headers.items() if k in (AT, VERSION) and isinstance(v, int)}
    return json.dumps(
        {
            "body": base64.b64encode(incoming.body).decode(),
            **properties_of(incoming),
            "timestamp": None if incoming.timestamp is None else incoming.timestamp.timestamp(),
            "headers": headers,
        }
    )


def _owner_of(body: bytes) -> dict[str, str]:
    """The account and the integration that a body names, if it can be read."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(fields, dict):
        return {}
    return {name: value for name in ("account_id", "integration_id") if isinstance(value := fields.get(name), str)}


def _id_of(incoming: AbstractIncomingMessage, queue: str, died_at: datetime) -> str:
    """An id that is the same for every delivery of one dead letter, and sorts by time."""
    digest = hashlib.sha256(f"{queue}|{incoming.message_id}|".encode() + incoming.body).hexdigest()
    return f"dlt_{int(died_at.timestamp() * 1000):012x}{digest[:20]}"
