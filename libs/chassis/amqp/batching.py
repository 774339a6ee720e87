"""One work queue taken in batches: for a consumer whose cost is in the commit, such as the record."""

import asyncio
from collections.abc import Sequence

from aio_pika import Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import AMQPError

from libs.chassis import metrics
from libs.chassis.amqp.declaring import declare_work_queue
from libs.chassis.amqp.envelope import ATTEMPT, DIED_AT, QUEUE, REASON, again, attempt_of, received_from
from libs.chassis.amqp.listening import acknowledge
from libs.chassis.amqp.publishing import Publisher
from libs.chassis.clock import Clock
from libs.chassis.consuming import BatchHandler, Received
from libs.chassis.settling import DeadLetter, Retry, UnreadableEvent, settle
from libs.chassis.telemetry import logger
from libs.chassis.topology import DEAD_EXCHANGE, WorkQueue
from libs.contracts.errors import ErrorCode, GatewayError
from libs.contracts.events import Event

log = logger(__name__)
_OUTAGE_PAUSES = (0.2, 1.0, 2.0, 5.0)

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
        size: int = 256,
        linger: float = 0.02,
    ) -> None:
        self.work = work
        self._handler = handler
        self._publisher = publisher
        self._clock = clock
        self._size = size
        self._linger = linger
        self._arrived: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        self._held: AbstractIncomingMessage | None = None
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._queue: AbstractQueue | None = None
        self._channel: AbstractChannel | None = None
        self._tag = ""

    async def start(self, channel: AbstractChannel) -> None:
        """Consume on `channel`, which is this listener's own: acknowledging a batch covers all before it."""
        self._channel = channel
        self._task = asyncio.create_task(self._work())
        self._queue = await declare_work_queue(channel, self.work)
        self._tag = await self._queue.consume(self._arrived.put)

    async def stop(self, seconds: float) -> None:
        """Take nothing more; finish what has arrived, for up to `seconds`."""
        if self._queue is not None:
            try:
                async with asyncio.timeout(2):
                    await self._queue.cancel(self._tag)
            except (AMQPError, RuntimeError, ConnectionError, TimeoutError):
                pass  # the connection is gone, and the consumer with it
        self._stopping.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=seconds)
            self._task.cancel()

    @property
    def in_hand(self) -> int:
        """How many deliveries wait to be handed over."""
        return self._arrived.qsize()

    async def _work(self) -> None:
        while not (self._stopping.is_set() and self._arrived.empty() and self._held is None):
            batch = await self._collect()
            if not batch:
                continue
            readable = [d for d in [await self._read(incoming) for incoming in batch] if d is not None]
            if not readable or await self._hand_over(readable):
                await acknowledge(batch[-1], self.work.name, multiple=True)

    async def _collect(self) -> list[AbstractIncomingMessage]:
        first, self._held = self._held, None
        if first is None:
            try:
                first = await asyncio.wait_for(self._arrived.get(), 0.5)
            except TimeoutError:
                return []
        batch = [first]
        if self._arrived.qsize() < self._size - 1 and not self._stopping.is_set():
            await asyncio.sleep(self._linger)
        while len(batch) < self._size and not self._arrived.empty():
            incoming = self._arrived.get_nowait()
            if incoming.channel is not first.channel:
                # A reconnect lies between them: their tags belong to different channels, so it begins the next batch.
                self._held = incoming
                break
            batch.append(incoming)
        return batch

    async def _read(self, incoming: AbstractIncomingMessage) -> Delivery | None:
        try:
            return incoming, received_from(incoming)
        except UnreadableEvent as failure:
            await self._set_aside(incoming, str(failure))
            return None

    async def _hand_over(self, batch: Sequence[Delivery]) -> bool:
        """Hand the batch over; an outage is waited out here, since the broker keeps what follows."""
        tries = 0
        while True:
            try:
                await self._handler([received for _, received in batch])
            except GatewayError as failure:
                if failure.code is not ErrorCode.GATEWAY_UNAVAILABLE:
                    return await self._one_by_one(batch)
                if self._stopping.is_set():
                    return False
                log.warning("store unavailable, batch waits", queue=self.work.name, size=len(batch))
                await asyncio.sleep(_OUTAGE_PAUSES[min(tries, len(_OUTAGE_PAUSES) - 1)])
                tries += 1
            except Exception as failure:  # noqa: BLE001 -- one bad event must not stop the record
                log.warning("batch failed, taking it apart", queue=self.work.name, failure=type(failure).__name__)
                return await self._one_by_one(batch)
            else:
                metrics.CONSUMED.labels(self.work.name, "ack").inc(len(batch))
                return True

    async def _one_by_one(self, batch: Sequence[Delivery]) -> bool:
        for incoming, received in batch:
            try:
                await self._handler([received])
                metrics.CONSUMED.labels(self.work.name, "ack").inc()
            except Exception as failure:  # noqa: BLE001 -- settled below, whatever it is
                settlement = settle(failure, attempt_of(incoming))
                if isinstance(settlement, DeadLetter):
                    await self._set_aside(incoming, settlement.reason)
                elif isinstance(settlement, Retry):
                    counted = again(incoming, {ATTEMPT: attempt_of(incoming) + settlement.counts})
                    await self._move(counted, self.work.waiting(settlement.after.total_seconds()), "retry")
        return True

    async def _set_aside(self, incoming: AbstractIncomingMessage, reason: str) -> None:
        log.warning("dead letter", queue=self.work.name, message_id=incoming.message_id, reason=reason)
        died = int(self._clock().timestamp())
        letter = again(incoming, {REASON: reason, QUEUE: self.work.name, DIED_AT: died})
        while True:
            try:
                await self._publisher.to_exchange(letter, DEAD_EXCHANGE, self.work.name)
            except GatewayError:
                await asyncio.sleep(1)
            else:
                metrics.CONSUMED.labels(self.work.name, "dead_letter").inc()
                return

    async def _move(self, message: Message, queue: str, label: str) -> None:
        while True:
            try:
                await self._publisher.to_queue(message, queue)
            except GatewayError:
                await asyncio.sleep(1)
            else:
                metrics.CONSUMED.labels(self.work.name, label).inc()
                return
