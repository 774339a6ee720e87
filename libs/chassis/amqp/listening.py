"""One work queue: every delivery is handled in a task of its own and settled exactly once.

Tasks are ours, not the library's: aio_pika cancels its callbacks when a connection drops, which must never happen
between "WhatsApp took it" and "we wrote it down".
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import AMQPError

from libs.chassis import metrics
from libs.chassis.amqp.declaring import declare_work_queue
from libs.chassis.amqp.envelope import ATTEMPT, DIED_AT, QUEUE, REASON, again, attempt_of, received_from, trace_of
from libs.chassis.amqp.publishing import Publisher
from libs.chassis.clock import Clock
from libs.chassis.consuming import Handler, Postmark, Received, Said, Subscription
from libs.chassis.settling import Ack, DeadLetter, Retry, Settlement, UnreadableEvent, settle
from libs.chassis.telemetry import logger, span, trace_headers
from libs.chassis.topology import DEAD_EXCHANGE, WorkQueue
from libs.contracts.errors import GatewayError
from libs.contracts.events import Event

log = logger(__name__)
_STALE = (AMQPError, RuntimeError, ConnectionError)
PUBLISH_PAUSES = (0.1, 0.5, 1.0, 2.0)
"""Seconds between tries to publish what a handler said; the last repeats until the broker takes it."""


class WorkListener:
    """Delivers one work queue's events to their handlers."""

    def __init__(
        self, work: WorkQueue, subscriptions: Sequence[Subscription[Any]], *, publisher: Publisher, clock: Clock
    ) -> None:
        self.work = work
        self._handlers: dict[type[Event], Handler[Any]] = {s.event: s.handler for s in subscriptions}
        self._publisher = publisher
        self._clock = clock
        self._in_hand: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._queue: AbstractQueue | None = None
        self._channel: AbstractChannel | None = None
        self._tag = ""

    async def start(self, channel: AbstractChannel) -> None:
        """Consume on `channel`, which is this listener's own and has its prefetch set."""
        self._channel = channel
        self._queue = await declare_work_queue(channel, self.work)
        self._tag = await self._queue.consume(self._take)

    async def stop(self, seconds: float) -> None:
        """Take nothing more, and wait up to `seconds` for what is in hand; what is left is delivered again."""
        if self._queue is not None:
            try:
                async with asyncio.timeout(2):
                    await self._queue.cancel(self._tag)
            except (*_STALE, TimeoutError):
                pass  # the connection is gone, and the consumer with it
        self._stopping = True
        if self._in_hand:
            await asyncio.wait(self._in_hand, timeout=seconds)
        for task in self._in_hand:
            task.cancel()

    @property
    def in_hand(self) -> int:
        """How many deliveries are being worked on."""
        return len(self._in_hand)

    async def _take(self, incoming: AbstractIncomingMessage) -> None:
        task = asyncio.create_task(self._deliver(incoming))
        self._in_hand.add(task)
        task.add_done_callback(self._in_hand.discard)

    async def _deliver(self, incoming: AbstractIncomingMessage) -> None:
        begun = time.perf_counter()
        with span(f"{self.work.name} handle", trace_of(incoming)):
            settlement = await self._attempt(incoming)
            if settlement is not None:
                await self._settle(incoming, settlement)
        metrics.HANDLE_SECONDS.labels(self.work.name).observe(time.perf_counter() - begun)

    async def _attempt(self, incoming: AbstractIncomingMessage) -> Settlement | None:
        """Handle and publish; None when we are stopping and the delivery must come again."""
        try:
            received = received_from(incoming)
            handler = self._handler_of(received)
            metrics.EVENT_AGE_SECONDS.labels(self.work.name).observe(
                max(0.0, (self._clock() - received.at).total_seconds())
            )
            said = await handler(received)
        except Exception as failure:  # noqa: BLE001 -- the last resort: whatever it is, the delivery is settled
            settlement = settle(failure, attempt_of(incoming))
            self._tell(incoming, failure, settlement)
            return settlement
        if not await self._publish(said, received):
            return None
        return Ack()

    def _handler_of(self, received: Received[Event]) -> Handler[Any]:
        handler = self._handlers.get(type(received.event))
        if handler is None:
            raise UnreadableEvent(f"{received.event.name}: not for this queue")
        return handler

    async def _publish(self, said: Said, received: Received[Event]) -> bool:
        events = (said,) if isinstance(said, Event) else said or ()
        for event in events:
            mark = Postmark(
                id=event.id_after(received.id),
                at=self._clock(),
                correlation_id=received.correlation_id or str(received.id),
                headers=trace_headers(),
            )
            if not await self._until_confirmed(partial(self._publisher.publish, event, mark)):
                return False
        return True

    async def _until_confirmed(self, publish: Callable[[], Awaitable[None]]) -> bool:
        """Try until the broker confirms: the effect is done already, so what was said must not be lost."""
        tries = 0
        while True:
            try:
                await publish()
            except GatewayError:
                if self._stopping:
                    return False
                await asyncio.sleep(PUBLISH_PAUSES[min(tries, len(PUBLISH_PAUSES) - 1)])
                tries += 1
            else:
                return True

    async def _settle(self, incoming: AbstractIncomingMessage, settlement: Settlement) -> None:
        match settlement:
            case Ack():
                label = "ack"
            case Retry(after, counts):
                label = "retry"
                message = again(incoming, {ATTEMPT: attempt_of(incoming) + counts})
                queue = self.work.waiting(after.total_seconds())
                if not await self._until_confirmed(partial(self._publisher.to_queue, message, queue)):
                    return
            case DeadLetter(reason):
                label = "dead_letter"
                died = int(self._clock().timestamp())
                letter = again(incoming, {REASON: reason, QUEUE: self.work.name, DIED_AT: died})
                bury = partial(self._publisher.to_exchange, letter, DEAD_EXCHANGE, self.work.name)
                if not await self._until_confirmed(bury):
                    return
        metrics.CONSUMED.labels(self.work.name, label).inc()
        await acknowledge(incoming, self.work.name)

    def _tell(self, incoming: AbstractIncomingMessage, failure: Exception, settlement: Settlement) -> None:
        known = isinstance(failure, GatewayError | UnreadableEvent)
        log.warning(
            "delivery failed",
            queue=self.work.name,
            event_name=incoming.type,
            message_id=incoming.message_id,
            attempt=attempt_of(incoming),
            failure=str(failure) if known else type(failure).__name__,
            settlement=type(settlement).__name__,
            at=None if known else _where(failure),
        )


def _where(failure: BaseException) -> str:
    """File and line where a defect showed; its text may hold a person's words, so it stays out of the log."""
    tb = failure.__traceback__
    while tb is not None and tb.tb_next is not None:
        tb = tb.tb_next
    return f"{tb.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{tb.tb_lineno}" if tb else ""


async def acknowledge(incoming: AbstractIncomingMessage, queue: str, *, multiple: bool = False) -> None:
    """Acknowledge; a delivery whose channel is gone will simply come again, and is counted."""
    try:
        await incoming.ack(multiple=multiple)
    except _STALE:
        metrics.STALE_ACKS.labels(queue).inc()
