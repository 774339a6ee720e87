"""`BatchConsumer`: delivers a work queue's events in batches to a handler whose cost is in the commit (the record).

One acknowledgement covers a batch and everything before it, so nothing is acknowledged after an unfinished batch.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from libs.chassis import metrics
from libs.chassis.amqp.backdated import Backdated
from libs.chassis.amqp.consumer_handle import ConsumerHandle
from libs.chassis.amqp.declarations import declare_consumed_queue
from libs.chassis.amqp.deliveries import Processing, RetryPublisher, acknowledge, is_stale, requeue, waited_for
from libs.chassis.amqp.envelope import attempt_of
from libs.chassis.amqp.faults import library_cancellations_as_errors, time_limit
from libs.chassis.amqp.in_flight import InFlight
from libs.chassis.amqp.message_spans import batch_span, consumer_span, describe_settlement
from libs.chassis.amqp.origin import received_on
from libs.chassis.amqp.watchdog import ConsumerState
from libs.chassis.backoff import backoff
from libs.chassis.clock import monotonic
from libs.chassis.failures import failure_location
from libs.chassis.rare_lines import RareLine
from libs.chassis.settlement import Ack, DeadLetter, UnknownEvent, UnreadableEvent, is_outage, settle
from libs.chassis.subscriptions import BatchHandler, Received
from libs.chassis.telemetry import logger
from libs.chassis.topology import WorkQueue, main_queue
from libs.contracts.events import Event

log = logger(__name__)
OUTAGE_PAUSES = (0.2, 1.0, 2.0, 5.0)
"""Seconds between tries to handle a batch while the store is unavailable; the last repeats."""
_IDLE = 0.5
_DEFECT_PAUSE = 1.0

Delivery = tuple[AbstractIncomingMessage, Received[Event]]


class BatchConsumer:
    """Collects deliveries until there are `size` or `linger` seconds have passed; handles and acknowledges them."""

    def __init__(
        self,
        work: WorkQueue,
        handler: BatchHandler,
        via: Processing,
        *,
        size: int,
        linger: float,
    ) -> None:
        self.work = work
        self._handler = handler
        self._via = via
        self._retries = RetryPublisher(work, via)
        self._size = size
        self._linger = linger
        self._arrived = deque[AbstractIncomingMessage]()
        self._some_arrived = asyncio.Event()
        self._in_flight = InFlight()
        self._backdated = Backdated(work.name, via.clock)
        self._unknown_line = RareLine()
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._handle = ConsumerHandle()
        self._age = metrics.EVENT_AGE_SECONDS.labels(work.name)
        self._seconds = metrics.HANDLE_SECONDS.labels(work.name)

    async def start(self, channel: AbstractChannel) -> None:
        """Consume on `channel`, which belongs to this consumer: a batch's acknowledgement covers all before it."""
        self._in_flight.measured_as(self.work.name, self._via.clock)
        await self._handle.start(await declare_consumed_queue(channel, main_queue(self.work)), self._receive)
        self._task = asyncio.create_task(self._work())

    async def stop(self, seconds: float) -> None:
        """Receive no more; wait up to `seconds` until everything that has arrived is handled."""
        await self._handle.cancel()
        self._stopping.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=seconds)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._handle.close()

    async def abandon(self) -> None:
        """Close the channel, so that the broker delivers again; a batch that is being handled is interrupted."""
        self._stopping.set()
        await self._handle.close()
        if self._task is not None:
            self._task.cancel()

    async def is_consuming(self) -> bool:
        """True while the broker delivers to this consumer and batches are being handled."""
        return self._task is not None and not self._task.done() and await self._handle.is_consuming()

    @property
    def in_flight(self) -> int:
        """The number of deliveries that are not settled."""
        return len(self._in_flight)

    @property
    def state(self) -> ConsumerState:
        """What the watchdog looks at."""
        ended = self._task is not None and self._task.done() and not self._stopping.is_set()
        return replace(self._in_flight.state, ended=ended)

    def _receive(self, batch: Sequence[AbstractIncomingMessage]) -> None:
        for incoming in batch:
            self._in_flight.arrived(incoming)
        self._arrived.extend(batch)
        self._some_arrived.set()

    async def _work(self) -> None:
        """Handle batches until stopped. It ends early only when a delivery cannot even be returned to the broker.

        A later acknowledgement would cover that delivery and lose it. The watchdog then makes the consumer anew.
        """
        while not (self._stopping.is_set() and not self._arrived):
            batch: list[AbstractIncomingMessage] = []
            try:
                with library_cancellations_as_errors():
                    batch = await self._collect()
                    if batch and not await self._finish(batch):
                        return
            except Exception as defect:  # noqa: BLE001 -- the record must go on
                returned = await self._return(batch)
                log.warning(
                    "batch not settled",
                    queue=self.work.name,
                    failure=type(defect).__name__,
                    at=failure_location(defect),
                    returned=returned,
                )
                if not returned:
                    return
                await asyncio.sleep(_DEFECT_PAUSE)

    async def _finish(self, batch: Sequence[AbstractIncomingMessage]) -> bool:
        """Handle the batch and acknowledge it. False while stopping, when the batch is to stay with the broker."""
        since = {incoming.delivery_tag: at for at, incoming in self._in_flight.unsettled()}
        if not await self._process(batch):
            if self._stopping.is_set() and not is_stale(batch[-1]):
                return False  # a later acknowledgement on this channel would cover the unfinished batch
            if not is_stale(batch[-1]):
                raise RuntimeError("a batch was left unfinished")
            return True
        last, now = batch[-1], monotonic()
        if await acknowledge(last, self.work.name, multiple=True):
            self._in_flight.settle_through(last)
        for incoming in batch:
            self._seconds.observe(now - since.get(incoming.delivery_tag, now))
        return True

    async def _return(self, batch: Sequence[AbstractIncomingMessage]) -> bool:
        """The last resort: let the broker deliver the batch again; False when that failed on an open channel."""
        for incoming in batch:
            if await requeue(incoming, self.work.name):
                self._in_flight.reject(incoming)
            elif not is_stale(incoming):
                return False
        return True

    async def _collect(self) -> list[AbstractIncomingMessage]:
        """Up to `size` deliveries of the open channel; those of a closed channel are dropped and delivered again."""
        if not self._arrived:
            self._some_arrived.clear()
            try:
                async with asyncio.timeout(_IDLE):
                    await self._some_arrived.wait()
            except TimeoutError:
                return []
        if len(self._arrived) < self._size and not self._stopping.is_set():
            await asyncio.sleep(self._linger)
        batch = [self._arrived.popleft() for _ in range(min(self._size, len(self._arrived)))]
        return [incoming for incoming in batch if not is_stale(incoming)]

    async def _process(self, batch: Sequence[AbstractIncomingMessage]) -> bool:
        """True when every delivery of the batch was handled, or moved to another queue."""
        readable: list[Delivery] = []
        for incoming in batch:
            try:
                received = received_on(self.work.name, incoming, self._via.keys)
                if self._backdated.look(incoming, received):
                    received = replace(received, backdated=True)
                readable.append((incoming, received))
            except UnreadableEvent as failure:
                if not await self._settle(incoming, failure):
                    return False
        return not readable or await self._handle_batch(readable)

    async def _handle_batch(self, batch: Sequence[Delivery]) -> bool:
        """Handle the batch; during an outage it is retried here, and the broker keeps what follows."""
        pauses = backoff(*OUTAGE_PAUSES)
        while True:
            try:
                with batch_span(self.work.name, batch):
                    await self._call([received for _, received in batch])
            except Exception as failure:  # noqa: BLE001 -- one bad event must not stop the record
                if not is_outage(failure):
                    log.warning("batch failed, handling singly", queue=self.work.name, failure=type(failure).__name__)
                    return await self._handle_singly(batch)
                if self._stopping.is_set() or is_stale(batch[-1][0]):
                    return False
                self._in_flight.retrying()
                log.warning("store unavailable, batch waits", queue=self.work.name, size=len(batch))
                await asyncio.sleep(next(pauses))
            else:
                metrics.CONSUMED.labels(self.work.name, "ack").inc(len(batch))
                return True

    async def _call(self, batch: Sequence[Received[Event]]) -> None:
        now = self._via.clock()
        for received in batch:
            self._age.observe(max(0.0, (now - received.at).total_seconds()))
        async with time_limit(self._via.limit):
            await self._handler(batch)

    async def _handle_singly(self, batch: Sequence[Delivery]) -> bool:
        for incoming, received in batch:
            try:
                with batch_span(self.work.name, [(incoming, received)]):
                    await self._call([received])
            except Exception as failure:  # noqa: BLE001 -- every failure settles its delivery
                if not await self._settle(incoming, failure):
                    return False
            else:
                metrics.CONSUMED.labels(self.work.name, "ack").inc()
        return True

    async def _settle(self, incoming: AbstractIncomingMessage, failure: Exception) -> bool:
        waited = waited_for(incoming, self._via.clock)
        settlement = settle(failure, attempt_of(incoming), self._via.delays, waited=waited)
        if isinstance(settlement, Ack):
            return True
        label = "dead_letter" if isinstance(settlement, DeadLetter) else "retry"
        with consumer_span(self.work.name, incoming):
            describe_settlement(settlement, failure)
            if not await self._retries.publish(
                incoming, settlement, stopping=self._stopping.is_set, retrying=self._in_flight.retrying
            ):
                return False
        metrics.CONSUMED.labels(self.work.name, label).inc()
        if isinstance(settlement, DeadLetter):  # its copy is confirmed; the batch's acknowledgement follows
            log.warning("dead letter", queue=self.work.name, message_id=incoming.message_id, reason=settlement.reason)
        elif isinstance(failure, UnknownEvent) and self._unknown_line.is_due():
            log.warning("event of a later release waits", queue=self.work.name, event_name=incoming.type)
        return True
