"""`RetiredQueues`: moves the messages of retired work queues to their successors, then deletes the queues.

docs/decisions/0015-retired-queues.md says why this is safe while two releases run side by side.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue, AbstractRobustConnection
from aio_pika.exceptions import ChannelNotFoundEntity

from libs.chassis.amqp.connections import plain_channel
from libs.chassis.amqp.dead_letter_messages import death_of
from libs.chassis.amqp.declarations import DECLARE_TIMEOUT
from libs.chassis.amqp.deliveries import Processing
from libs.chassis.amqp.envelope import DIED_AT, DUE, DUE_SET, QUEUE, REASON, death_header, republish
from libs.chassis.amqp.faults import FAULTS, library_cancellations_as_errors
from libs.chassis.telemetry import logger
from libs.chassis.topology import EXCHANGE, RETIRED_QUEUES, WorkQueue

log = logger(__name__)
RETIREMENT_INTERVAL = 60.0
"""Seconds between two checks; longer than a replica takes to stop, so that an idle queue has nothing in flight."""


class RetiredQueues:
    """Empties and deletes the queues in RETIRED_QUEUES; several replicas may do so at the same time."""

    def __init__(self, connection: AbstractRobustConnection, via: Processing) -> None:
        self._connection = connection
        self._via = via
        self._idle: set[str] = set()

    async def check(self) -> None:
        """Unbind each retired queue and move its messages; delete it when it was idle at the last check too."""
        for retired, successor in RETIRED_QUEUES:
            try:
                with library_cancellations_as_errors():
                    async with plain_channel(self._connection) as channel:
                        await self._check(channel, retired, successor)
            except ChannelNotFoundEntity:
                self._idle.discard(retired.name)  # deleted, or the broker never had it
            except FAULTS as error:
                log.info("retired queue not checked", queue=retired.name, failure=type(error).__name__)

    async def _check(self, channel: AbstractChannel, retired: WorkQueue, successor: WorkQueue) -> None:
        queue = await _existing(channel, retired.name)
        dead_letters = await _existing(channel, retired.dead_letter_queue)
        for key in retired.bindings:
            await queue.unbind(EXCHANGE, key, timeout=DECLARE_TIMEOUT)
        await _move(queue, partial(self._publish, successor))
        await _move(dead_letters, partial(self._dead_letter, successor))
        waits = [retired.former_wait_queue(delay) for delay in retired.delays(self._via.delays)]
        every_queue = (*waits, retired.dead_letter_queue, retired.name)
        if await _in_use(channel, every_queue):
            self._idle.discard(retired.name)
        elif retired.name not in self._idle:
            self._idle.add(retired.name)
        else:
            for name in every_queue:
                await channel.queue_delete(name, timeout=DECLARE_TIMEOUT)
            log.info("retired queue deleted", queue=retired.name)

    async def _publish(self, successor: WorkQueue, incoming: AbstractIncomingMessage) -> None:
        due = {name: at for name in (DUE, DUE_SET) if isinstance(at := incoming.headers.get(name), int)}
        copy = republish(incoming, due)
        await self._via.publisher.publish_to_queue(copy, successor.name)

    async def _dead_letter(self, successor: WorkQueue, incoming: AbstractIncomingMessage) -> None:
        reason, died_at = death_of(incoming, self._via.clock())
        copy = republish(incoming, {REASON: reason, QUEUE: successor.name, DIED_AT: death_header(died_at)})
        await self._via.publisher.dead_letter(copy, successor.name)


async def _existing(channel: AbstractChannel, name: str) -> AbstractQueue:
    """The queue and its counts. A missing queue raises ChannelNotFoundEntity and closes the channel."""
    return await channel.declare_queue(name, passive=True, timeout=DECLARE_TIMEOUT)


async def _move(queue: AbstractQueue, publish: Callable[[AbstractIncomingMessage], Awaitable[None]]) -> None:
    """Publish a copy of each message, then acknowledge it. A crash in between moves it twice, which is safe."""
    while (incoming := await queue.get(fail=False, timeout=DECLARE_TIMEOUT)) is not None:
        await publish(incoming)
        await incoming.ack()


async def _in_use(channel: AbstractChannel, names: Sequence[str]) -> bool:
    """True when one of the queues has a message or a consumer."""
    found = [(await _existing(channel, name)).declaration_result for name in names]
    return any((each.message_count or 0) + (each.consumer_count or 0) for each in found)
