"""`remove_former_wait_queues`: deletes the wait queues of earlier releases, once they are empty.

They dead-letter to the default exchange, and a queue's arguments cannot be changed, so today's wait queues have other
names. What still waits in an old one arrives at its work queue by itself: the broker moves it, whatever users may do.
"""

import asyncio

from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import ChannelNotFoundEntity

from libs.chassis.amqp.connections import plain_channel
from libs.chassis.amqp.declarations import DECLARE_TIMEOUT
from libs.chassis.settlement import RetryDelays
from libs.chassis.topology import MAX_LENGTH, WORK_QUEUES, WorkQueue

IDLE_SECONDS = 2.0
"""How long a queue must be seen empty. A message stays in it for a second or more, so none passes unseen."""
LOOKS = 5
FULL = MAX_LENGTH // 2
"""Messages in a work queue from which on an old wait queue stays: what a full queue refuses waits there uncounted."""


Removal = tuple[tuple[str, ...], tuple[str, ...]]
"""The names of the removed queues, and of those that are left."""


async def remove_former_wait_queues(connection: AbstractConnection, delays: RetryDelays, *, removing: bool) -> Removal:
    """Delete the former wait queues that stay empty for two seconds; with `removing=False` none.

    Call it with `removing` when the replicas of earlier releases have stopped: what one of them puts into a queue
    between the last look and the removal is lost. Afterwards it declares the queue again, and what found none is
    published again.
    """
    sign = WORK_QUEUES[0].former_wait_queue(WORK_QUEUES[0].delays(delays)[0])
    if await _messages(connection, sign) is None:
        return (), ()  # it goes last, so that one look is enough from then on
    owners = {work.former_wait_queue(delay): work for work in WORK_QUEUES for delay in work.delays(delays)}
    found = {name: work for name, work in owners.items() if await _messages(connection, name) is not None}
    idle_ones = dict(found) if removing else {}
    for _ in range(LOOKS if removing else 0):
        idle_ones = {name: work for name, work in idle_ones.items() if await _is_idle(connection, name, work)}
        await asyncio.sleep(IDLE_SECONDS / LOOKS)
    left = [name for name in found if name not in idle_ones and name != sign]
    if sign not in idle_ones or left:
        left.append(sign)
    removed = [name for name in found if name not in left]
    async with plain_channel(connection) as channel:
        for name in sorted(removed, key=lambda name: name == sign):
            await channel.queue_delete(name, timeout=DECLARE_TIMEOUT)
    return tuple(removed), tuple(left)


async def _is_idle(connection: AbstractConnection, name: str, work: WorkQueue) -> bool:
    return await _messages(connection, name) == 0 and (await _messages(connection, work.name) or 0) < FULL


async def _messages(connection: AbstractConnection, name: str) -> int | None:
    """The number of messages in a queue; None when the broker does not have it."""
    try:
        async with plain_channel(connection) as channel:
            queue = await channel.declare_queue(name, passive=True, timeout=DECLARE_TIMEOUT)
    except ChannelNotFoundEntity:
        return None
    return queue.declaration_result.message_count or 0
