"""`survives_deliveries`: whether a dead letter outlives many deliveries, found out by delivering one many times.

AMQP cannot read policies, and what counts is what the broker does, whichever policy is in force.
"""

import asyncio
from uuid import uuid4  # noqa: TID251 -- a unique queue name

import aio_pika
from aio_pika.abc import AbstractConnection, AbstractIncomingMessage, AbstractQueue
from pamqp.common import FieldTable

from libs.chassis.amqp.declarations import DECLARE_TIMEOUT
from libs.chassis.topology import REPLAY_EXCHANGE

DELIVERIES = 25
"""More than RabbitMQ 4's limit of 20."""
_EXPIRES_MS = 60_000
"""The broker removes the queue of a check that was interrupted."""
_LOOKS, _PAUSE = 50, 0.02
"""A rejected message is back within milliseconds; a second is enough to say that it is gone."""


async def survives_deliveries(connection: AbstractConnection) -> bool:
    """True when a message in a queue with the name of a dead-letter queue is still there after many deliveries."""
    channel = await connection.channel()
    name = f"gateway.check-{uuid4().hex}.dead"
    arguments: FieldTable = {"x-queue-type": "quorum", "x-expires": _EXPIRES_MS}
    queue = await channel.declare_queue(name, durable=True, arguments=arguments, timeout=DECLARE_TIMEOUT)
    try:
        await queue.bind(REPLAY_EXCHANGE, name, timeout=DECLARE_TIMEOUT)
        exchange = await channel.get_exchange(REPLAY_EXCHANGE, ensure=False)
        await exchange.publish(aio_pika.Message(b""), name, timeout=DECLARE_TIMEOUT)
        for _ in range(DELIVERIES):
            message = await _next(queue)
            if message is None:
                return False
            await message.reject(requeue=True)
        return await _next(queue) is not None
    finally:
        await channel.queue_delete(name, timeout=DECLARE_TIMEOUT)


async def _next(queue: AbstractQueue) -> AbstractIncomingMessage | None:
    for _ in range(_LOOKS):
        message = await queue.get(fail=False, timeout=DECLARE_TIMEOUT)
        if message is not None:
            return message
        await asyncio.sleep(_PAUSE)
    return None
