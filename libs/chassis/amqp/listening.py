"""One work queue: every delivery is handled in a task of its own and settled exactly once.

Tasks are ours, not the library's: aio_pika cancels its callbacks when a connection drops, which must never happen
between "WhatsApp took it" and "we wrote it down".
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

from libs.chassis import metrics
from libs.chassis.amqp.acknowledging import Acknowledgements
from libs.chassis.amqp.connecting import consumes, end_consumer, let_go
from libs.chassis.amqp.declaring import declare_work_queue
from libs.chassis.amqp.delivering import HANDLE_LIMIT, Aside, give_back, is_stale
from libs.chassis.amqp.envelope import DUE, attempt_of, moment_in, received_from, trace_of
from libs.chassis.amqp.faults import cancelled_only_when_asked
from libs.chassis.amqp.publishing import Publisher, until_confirmed
from libs.chassis.clock import Clock
from libs.chassis.consuming import Handler, Postmark, Received, Said, Subscription
from libs.chassis.failures import where
from libs.chassis.settling import (
    PAUSES,
    Ack,
    DeadLetter,
    GivenUp,
    Later,
    Pauses,
    Retry,
    Settlement,
    UnreadableEvent,
    settle,
)
from libs.chassis.telemetry import logger, span, trace_headers
from libs.chassis.topology import WorkQueue
from libs.contracts.errors import GatewayError
from libs.contracts.events import Event

log = logger(__name__)
_LABELS: dict[type[Settlement], str] = {Ack: "ack", Retry: "retry", DeadLetter: "dead_letter"}


class WorkListener:
    """Delivers one work queue's events to their handlers."""

    def __init__(
        self,
        work: WorkQueue,
        subscriptions: Sequence[Subscription[Any]],
        *,
        publisher: Publisher,
        clock: Clock,
        pauses: Pauses = PAUSES,
        limit: float = HANDLE_LIMIT,
    ) -> None:
        self.work = work
        self._handlers: dict[type[Event], Handler[Any]] = {s.event: s.handler for s in subscriptions}
        self._publisher = publisher
        self._clock = clock
        self._pauses = pauses
        self._limit = limit
        self._aside = Aside(work, publisher=publisher, clock=clock, pauses=pauses)
        self._acknowledgements = Acknowledgements(work.name)
        self._in_hand: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._queue: AbstractQueue | None = None
        self._channel: AbstractChannel | None = None
        self._tag = ""
        self._age = metrics.EVENT_AGE_SECONDS.labels(work.name)
        self._seconds = metrics.HANDLE_SECONDS.labels(work.name)
        metrics.IN_HAND.labels(work.name).set_function(lambda: len(self._in_hand))

    async def start(self, channel: AbstractChannel) -> None:
        """Consume on `channel`, which is this listener's own and has its prefetch set."""
        self._channel = channel
        self._queue = await declare_work_queue(channel, self.work)
        self._tag = await self._queue.consume(self._take)

    async def stop(self, seconds: float) -> None:
        """Begin nothing more, and wait up to `seconds` for what is in hand; what is left is delivered again."""
        self._stopping = True
        await end_consumer(self._queue, self._tag)
        if self._in_hand:
            await asyncio.wait(self._in_hand, timeout=seconds)
        for task in self._in_hand:
            task.cancel()
        await asyncio.gather(*self._in_hand, return_exceptions=True)
        await self._acknowledgements.finish()
        if self._channel is not None:
            await let_go(self._channel)  # its close goes out behind the last acknowledgement

    async def listening(self) -> bool:
        """True while the broker delivers to us."""
        return await consumes(self._queue, self._tag)

    @property
    def in_hand(self) -> int:
        """How many deliveries are being worked on."""
        return len(self._in_hand)

    async def _take(self, incoming: AbstractIncomingMessage) -> None:
        if self._stopping:
            return  # not begun, so it can go to somebody who stays
        task = asyncio.create_task(self._deliver(incoming))
        self._in_hand.add(task)
        task.add_done_callback(self._in_hand.discard)

    async def _deliver(self, incoming: AbstractIncomingMessage) -> None:
        begun = time.perf_counter()
        try:
            with span(f"{self.work.name} handle", trace_of(incoming)):
                settlement = await self._attempt(incoming)
                if settlement is not None:
                    await self._settle(incoming, settlement)
        except Exception as defect:  # noqa: BLE001 -- unsettled, it would hold its place in the prefetch for ever
            log.warning("not settled", queue=self.work.name, failure=type(defect).__name__, at=where(defect))
            await give_back(incoming, self.work.name)
            self._acknowledgements.skip(incoming)
        self._seconds.observe(time.perf_counter() - begun)

    async def _attempt(self, incoming: AbstractIncomingMessage) -> Settlement | None:
        """Handle and publish; None when the delivery comes again anyway."""
        try:
            received = received_from(incoming)
            if (due := moment_in(incoming, DUE)) is not None and (left := due - self._clock()) > timedelta():
                return Retry(left, counts=False)
            handler = self._handler_of(received)
            self._age.observe(max(0.0, (self._clock() - received.at).total_seconds()))
            with cancelled_only_when_asked():
                async with asyncio.timeout(self._limit):
                    said = await handler(received)
            published = await self._publish(said, received, incoming)
        except Exception as failure:  # noqa: BLE001 -- the last resort: whatever it is, the delivery is settled
            settlement = settle(failure, attempt_of(incoming), self._pauses)
            self._tell(incoming, failure, settlement)
            if isinstance(failure, GivenUp) and not await self._publish(failure.said, received, incoming):
                return None
            return settlement
        return Ack() if published else None

    def _handler_of(self, received: Received[Event]) -> Handler[Any]:
        handler = self._handlers.get(type(received.event))
        if handler is None:
            raise UnreadableEvent(f"{received.event.name}: not for this queue")
        return handler

    async def _publish(self, said: Said, received: Received[Event], incoming: AbstractIncomingMessage) -> bool:
        """Publish what was said, once at least: somebody may wait for it although the delivery comes again."""
        events = (said,) if isinstance(said, Event) else said or ()
        for event in events:
            mark = Postmark(
                id=event.id_after(received.id),
                at=self._clock(),
                correlation_id=received.correlation_id or str(received.id),
                headers=trace_headers(),
            )
            publish = partial(self._publisher.publish, event, mark)
            if not await until_confirmed(publish, pointless=lambda: self._stopping or is_stale(incoming)):
                return False
        return True

    async def _settle(self, incoming: AbstractIncomingMessage, settlement: Settlement) -> None:
        if not isinstance(settlement, Ack) and not await self._aside.put(
            incoming, settlement, stopping=lambda: self._stopping
        ):
            return
        metrics.CONSUMED.labels(self.work.name, _LABELS[type(settlement)]).inc()
        self._acknowledgements.add(incoming)

    def _tell(self, incoming: AbstractIncomingMessage, failure: Exception, settlement: Settlement) -> None:
        known = isinstance(failure, GatewayError | UnreadableEvent | Later | GivenUp)
        tell = log.info if isinstance(failure, Later) else log.warning
        tell(
            "delivery failed",
            queue=self.work.name,
            event_name=incoming.type,
            message_id=incoming.message_id,
            attempt=attempt_of(incoming),
            failure=str(failure) if known else type(failure).__name__,
            settlement=type(settlement).__name__,
            at=None if known else where(failure),
        )
