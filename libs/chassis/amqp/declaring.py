"""Declaring what `libs.chassis.topology` says, on a broker that may have all of it, some of it, or nothing."""

from typing import cast

from aio_pika.abc import AbstractChannel, AbstractQueue, AbstractRobustChannel, ExchangeType

from libs.chassis.topology import DEAD_EXCHANGE, EXCHANGE, QUEUES, WorkQueue, queues_of

CONNECT_TIMEOUT = 5
"""Seconds for connecting and for each declaration: on a blocked connection even a declaration hangs."""


async def declare_topology(channel: AbstractChannel) -> None:
    """Declare every exchange, queue and binding; does nothing to those that exist.

    Declared as not robust: the library would repeat all of it at each reconnect of each channel, one by one.
    """
    robust = cast("AbstractRobustChannel", channel)
    kinds = {EXCHANGE: ExchangeType.TOPIC, DEAD_EXCHANGE: ExchangeType.DIRECT}
    exchanges = {
        name: await robust.declare_exchange(name, kind, durable=True, timeout=CONNECT_TIMEOUT, robust=False)
        for name, kind in kinds.items()
    }
    for wanted in QUEUES:
        queue = await robust.declare_queue(
            wanted.name, durable=True, arguments=wanted.arguments, timeout=CONNECT_TIMEOUT, robust=False
        )
        for key in wanted.bindings:
            await queue.bind(exchanges[wanted.exchange or EXCHANGE], key, timeout=CONNECT_TIMEOUT, robust=False)


async def declare_work_queue(channel: AbstractChannel, work: WorkQueue) -> AbstractQueue:
    """A work queue that the library declares and binds again whenever its consumer has to be restored."""
    exchange = await channel.declare_exchange(EXCHANGE, ExchangeType.TOPIC, durable=True, timeout=CONNECT_TIMEOUT)
    wanted = queues_of(work)[0]
    queue = await channel.declare_queue(wanted.name, durable=True, arguments=wanted.arguments, timeout=CONNECT_TIMEOUT)
    for key in wanted.bindings:
        await queue.bind(exchange, key, timeout=CONNECT_TIMEOUT)
    return queue
