"""Declaring what `libs.chassis.topology` says, on a broker that may have all of it, some of it, or nothing."""

from typing import cast

from aio_pika.abc import AbstractChannel, AbstractQueue, AbstractRobustChannel, ExchangeType

from libs.chassis.settling import PAUSES, Pauses
from libs.chassis.topology import DEAD_EXCHANGE, EXCHANGE, WorkQueue, all_queues, main_queue

DECLARE_TIMEOUT = 5
"""Seconds for each declaration: on a blocked connection even that hangs."""


async def declare_topology(channel: AbstractChannel, pauses: Pauses = PAUSES) -> None:
    """Declare every exchange, queue and binding; does nothing to those that exist.

    Declared as not robust: the library would repeat all of it at each reconnect of each channel, one by one.
    """
    robust = cast("AbstractRobustChannel", channel)
    kinds = {EXCHANGE: ExchangeType.TOPIC, DEAD_EXCHANGE: ExchangeType.DIRECT}
    exchanges = {
        name: await robust.declare_exchange(name, kind, durable=True, timeout=DECLARE_TIMEOUT, robust=False)
        for name, kind in kinds.items()
    }
    for wanted in all_queues(pauses):
        queue = await robust.declare_queue(
            wanted.name, durable=True, arguments=wanted.arguments, timeout=DECLARE_TIMEOUT, robust=False
        )
        for key in wanted.bindings:
            await queue.bind(exchanges[wanted.exchange or EXCHANGE], key, timeout=DECLARE_TIMEOUT, robust=False)


async def declare_work_queue(channel: AbstractChannel, work: WorkQueue) -> AbstractQueue:
    """A work queue that the library declares and binds again whenever its consumer has to be restored."""
    exchange = await channel.declare_exchange(EXCHANGE, ExchangeType.TOPIC, durable=True, timeout=DECLARE_TIMEOUT)
    wanted = main_queue(work)
    queue = await channel.declare_queue(wanted.name, durable=True, arguments=wanted.arguments, timeout=DECLARE_TIMEOUT)
    for key in wanted.bindings:
        await queue.bind(exchange, key, timeout=DECLARE_TIMEOUT)
    return queue
