"""Declares a topology on a broker that may have some of it, and finds what others have to declare.

A service's broker user may declare its own objects only, so everything else is asked for passively, which needs no
permission.
"""

from typing import cast

from aio_pika.abc import AbstractChannel, AbstractQueue, AbstractRobustChannel, AbstractRobustConnection, ExchangeType
from aio_pika.exceptions import ChannelNotFoundEntity

from libs.chassis.amqp.connections import close_quietly, plain_channel, robust_channel
from libs.chassis.topology import EXCHANGE, Queue, Topology

DECLARE_TIMEOUT = 5
"""Seconds for each declaration; it would hang on a blocked connection."""


async def declare_topology(channel: AbstractChannel, topology: Topology) -> None:
    """Declare the exchanges, queues and bindings of a topology; those that exist are left as they are.

    Declared with `robust=False`: otherwise the library repeats every declaration at each reconnect of each channel.
    """
    for name in topology.exchanges:
        await declare_exchange(channel, name)
    for queue in topology.queues:
        await _declare_queue(channel, queue, robust=False)


async def declare_on_new_channel(connection: AbstractRobustConnection, topology: Topology) -> None:
    """Declare a topology on a channel of its own, because a refused declaration closes its channel."""
    channel = await robust_channel(connection)
    try:
        await declare_topology(channel, topology)
    finally:
        await close_quietly(channel)


async def missing_from(connection: AbstractRobustConnection, topology: Topology) -> frozenset[str]:
    """The names of the exchanges and queues that a topology needs from others and that the broker does not have."""
    names = (*topology.needed_exchanges, *topology.needed_queues)
    if not names or await exist(connection, topology.needed_exchanges, topology.needed_queues):
        return frozenset()
    exchanges = set(topology.needed_exchanges)
    single = {name: ((name,), ()) if name in exchanges else ((), (name,)) for name in names}
    return frozenset(
        [name for name, (exchange, queue) in single.items() if not await exist(connection, exchange, queue)]
    )


async def exist(connection: AbstractRobustConnection, exchanges: tuple[str, ...], queues: tuple[str, ...] = ()) -> bool:
    """True when the broker has all of these exchanges and queues."""
    try:
        async with plain_channel(connection) as channel:
            for exchange in exchanges:
                await channel.declare_exchange(exchange, passive=True, timeout=DECLARE_TIMEOUT)
            for queue in queues:
                await channel.declare_queue(queue, passive=True, timeout=DECLARE_TIMEOUT)
    except ChannelNotFoundEntity:
        return False
    return True


async def declare_consumed_queue(channel: AbstractChannel, queue: Queue) -> AbstractQueue:
    """Declare an own queue, which the library declares and binds again whenever it restores the queue's consumer."""
    return await _declare_queue(channel, queue, robust=True)


async def find_consumed_queue(channel: AbstractChannel, name: str) -> AbstractQueue:
    """A queue that another service declares. A missing queue raises ChannelNotFoundEntity and closes the channel."""
    return await channel.declare_queue(name, passive=True, timeout=DECLARE_TIMEOUT)


async def declare_exchange(channel: AbstractChannel, name: str) -> None:
    """Declare an exchange of the gateway: that of events is a topic exchange, all others are direct."""
    kind = ExchangeType.TOPIC if name == EXCHANGE else ExchangeType.DIRECT
    await cast("AbstractRobustChannel", channel).declare_exchange(
        name, kind, durable=True, timeout=DECLARE_TIMEOUT, robust=False
    )


async def _declare_queue(channel: AbstractChannel, wanted: Queue, *, robust: bool) -> AbstractQueue:
    queue = await cast("AbstractRobustChannel", channel).declare_queue(
        wanted.name, durable=True, arguments=wanted.arguments, timeout=DECLARE_TIMEOUT, robust=robust
    )
    for binding in wanted.bindings:
        await queue.bind(binding.exchange, binding.key, timeout=DECLARE_TIMEOUT, robust=robust)
    return queue
