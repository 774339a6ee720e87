"""Declares the exchanges, queues and bindings of `libs.chassis.topology` on a broker that may have some of them."""

from typing import cast

from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractQueue, AbstractRobustChannel, ExchangeType

from libs.chassis.settlement import RETRY_DELAYS, RetryDelays
from libs.chassis.topology import DEAD_LETTER_EXCHANGE, EXCHANGE, Queue, all_queues

DECLARE_TIMEOUT = 5
"""Seconds for each declaration; it would hang on a blocked connection."""
_EXCHANGES = {EXCHANGE: ExchangeType.TOPIC, DEAD_LETTER_EXCHANGE: ExchangeType.DIRECT}


async def declare_topology(channel: AbstractChannel, delays: RetryDelays = RETRY_DELAYS) -> None:
    """Declare every exchange, queue and binding; those that exist are left as they are.

    Declared with `robust=False`: otherwise the library repeats every declaration at each reconnect of each channel.
    """
    for name in _EXCHANGES:
        await _declare_exchange(channel, name, robust=False)
    for queue in all_queues(delays):
        await _declare_queue(channel, queue, robust=False)


async def declare_consumed_queue(channel: AbstractChannel, queue: Queue) -> AbstractQueue:
    """Declare a queue that the library declares and binds again whenever it restores the queue's consumer."""
    if queue.exchange is not None:
        await _declare_exchange(channel, queue.exchange, robust=True)
    return await _declare_queue(channel, queue, robust=True)


async def _declare_exchange(channel: AbstractChannel, name: str, *, robust: bool) -> AbstractExchange:
    return await cast("AbstractRobustChannel", channel).declare_exchange(
        name, _EXCHANGES[name], durable=True, timeout=DECLARE_TIMEOUT, robust=robust
    )


async def _declare_queue(channel: AbstractChannel, wanted: Queue, *, robust: bool) -> AbstractQueue:
    queue = await cast("AbstractRobustChannel", channel).declare_queue(
        wanted.name, durable=True, arguments=wanted.arguments, timeout=DECLARE_TIMEOUT, robust=robust
    )
    for key in wanted.bindings:
        await queue.bind(wanted.exchange or EXCHANGE, key, timeout=DECLARE_TIMEOUT, robust=robust)
    return queue
