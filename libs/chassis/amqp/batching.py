"""One work queue taken in batches: for a consumer whose cost is in the commit, such as the record.

A batch is acknowledged with one frame that covers everything before it, so nothing is acknowledged after a batch
that was not done.
"""

import asyncio
from collections.abc import Sequence

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

from libs.chassis import metrics
from libs.chassis.amqp.connecting import consumes, end_consumer, let_go
from libs.chassis.amqp.declaring import declare_work_queue
from libs.chassis.amqp.delivering import HANDLE_LIMIT, Aside, acknowledge, give_back, is_stale
from libs.chassis.amqp.envelope import attempt_of, received_from
from libs.chassis.amqp.faults import cancelled_only_when_asked
from libs.chassis.amqp.publishing import Publisher
from libs.chassis.clock import Clock
from libs.chassis.consuming import BatchHandler, Received
from libs.chassis.failures import where
from libs.chassis.settling import PAUSES, Ack, DeadLetter, Pauses, UnreadableEvent, is_outage, settle
from libs.chassis.telemetry import logger
from libs.chassis.topology import WorkQueue
from libs.contracts.events import Event

log = logger(__name__)
OUTAGE_PAUSES = (0.2, 1.0, 2.0, 5.0)
"""Seconds between tries to hand a batch over while the store is away; the last repeats."""
_IDLE = 0.5
_DEFECT_PAUSE = 1.0

Delivery = tuple[AbstractIncomingMessage, Received[Event]]


class BatchListener:
    """Collects deliveries for at most `linger` seconds or `size`, hands them over together, acknowledges together."""

    def __init__(
        self,
        work: WorkQueue,
        handler: BatchHandler,
        *,
        publisher: Publisher,
        clock: Clock,
        pauses: Pauses = PAUSES,
        size: int = 256,
        linger: float = 0.02,
        limit: float = HANDLE_LIMIT,
    ) -> None:
        self.work = work
        self._handler = handler
        self._pauses = pauses
        self._aside = Aside(work, publisher=publisher, clock=clock, pauses=pauses)
        self._size = size
        self._linger = linger
        self._limit = limit
        self._arrived: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._queue: AbstractQueue | None = None
        self._channel: AbstractChannel | None = None
        self._tag = ""
        metrics.IN_HAND.labels(work.name).set_function(self._arrived.qsize)

    async def start(self, channel: AbstractChannel) -> None:
        """Consume on `channel`, which is this listener's own: acknowledging a batch covers all before it."""
        self._channel = channel
        self._queue = await declare_work_queue(channel, self.work)
        self._tag = await self._queue.consume(self._arrived.put)
        self._task = asyncio.create_task(self._work())

    async def stop(self, seconds: float) -> None:
        """Take nothing more; finish what has arrived, for up to `seconds`."""
        await end_consumer(self._queue, self._tag)
        self._stopping.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=seconds)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._channel is not None:
            await let_go(self._channel)  # its close goes out behind the last acknowledgement

    async def listening(self) -> bool:
        """True while the broker delivers to us and we take it."""
        return self._task is not None and not self._task.done() and await consumes(self._queue, self._tag)

    @property
    def in_hand(self) -> int:
        """How many deliveries wait to be handed over."""
        return self._arrived.qsize()

    async def _work(self) -> None:
        while not (self._stopping.is_set() and self._arrived.empty()):
            batch = await self._collect()
            if not batch:
                continue
            try:
                done = await self._take(batch)
            except Exception as defect:  # noqa: BLE001 -- the record must go on
                log.warning("batch not settled", queue=self.work.name, failure=type(defect).__name__, at=where(defect))
                for incoming in batch:
                    await give_back(incoming, self.work.name)
                await asyncio.sleep(_DEFECT_PAUSE)
                continue
            if done:
                await acknowledge(batch[-1], self.work.name, multiple=True)
            elif not is_stale(batch[-1]):
                return  # stopping; a later acknowledgement on this channel would cover the batch

    async def _collect(self) -> list[AbstractIncomingMessage]:
        """Up to `size` deliveries of the channel that is open now; those of a dead one come again and are dropped."""
        try:
            async with asyncio.timeout(_IDLE):
                batch = [await self._arrived.get()]
        except TimeoutError:
            return []
        if self._arrived.qsize() < self._size - 1 and not self._stopping.is_set():
            await asyncio.sleep(self._linger)
        while len(batch) < self._size and not self._arrived.empty():
            batch.append(self._arrived.get_nowait())
        return [incoming for incoming in batch if not is_stale(incoming)]

    async def _take(self, batch: Sequence[AbstractIncomingMessage]) -> bool:
        """True when every delivery of the batch was handled or set aside."""
        readable: list[Delivery] = []
        for incoming in batch:
            try:
                readable.append((incoming, received_from(incoming)))
            except UnreadableEvent as failure:
                if not await self._settle(incoming, failure):
                    return False
        return not readable or await self._hand_over(readable)

    async def _hand_over(self, batch: Sequence[Delivery]) -> bool:
        """Hand the batch over; an outage is waited out here, since the broker keeps what follows."""
        tries = 0
        while True:
            try:
                await self._handle([received for _, received in batch])
            except Exception as failure:  # noqa: BLE001 -- one bad event must not stop the record
                if not is_outage(failure):
                    log.warning("batch failed, taking it apart", queue=self.work.name, failure=type(failure).__name__)
                    return await self._one_by_one(batch)
                if self._stopping.is_set() or is_stale(batch[-1][0]):
                    return False
                log.warning("store unavailable, batch waits", queue=self.work.name, size=len(batch))
                await asyncio.sleep(OUTAGE_PAUSES[min(tries, len(OUTAGE_PAUSES) - 1)])
                tries += 1
            else:
                metrics.CONSUMED.labels(self.work.name, "ack").inc(len(batch))
                return True

    async def _handle(self, batch: Sequence[Received[Event]]) -> None:
        with cancelled_only_when_asked():
            async with asyncio.timeout(self._limit):
                await self._handler(batch)

    async def _one_by_one(self, batch: Sequence[Delivery]) -> bool:
        for incoming, received in batch:
            try:
                await self._handle([received])
            except Exception as failure:  # noqa: BLE001 -- settled, whatever it is
                if not await self._settle(incoming, failure):
                    return False
            else:
                metrics.CONSUMED.labels(self.work.name, "ack").inc()
        return True

    async def _settle(self, incoming: AbstractIncomingMessage, failure: Exception) -> bool:
        settlement = settle(failure, attempt_of(incoming), self._pauses)
        if isinstance(settlement, Ack):
            return True
        label = "dead_letter" if isinstance(settlement, DeadLetter) else "retry"
        if not await self._aside.put(incoming, settlement, stopping=self._stopping.is_set):
            return False
        metrics.CONSUMED.labels(self.work.name, label).inc()
        return True
