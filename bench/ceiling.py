"""The ceiling: request and reply with aio_pika alone, over two hops with quorum queues and publisher confirms.

Three processes, as in the gateway: a requester and two hops. `python -m bench.ceiling HOP URL` runs a hop.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import uuid4

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

from bench.timing import Timing, closed_loop

EXCHANGE = "bench.events"
HOPS = {"first": ("bench.first", "bench.second"), "second": ("bench.second", "bench.reply")}
BODY = b"x" * 400
"""Approximately an event's size."""


def _message(source: AbstractIncomingMessage | None = None) -> aio_pika.Message:
    return aio_pika.Message(
        BODY,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=str(uuid4()),
        correlation_id=source.correlation_id if source else str(uuid4()),
    )


async def hop(name: str, url: str) -> None:
    """Consume from one queue, publish to the next with confirms, acknowledge; until killed."""
    source, target = HOPS[name]
    publishing, consuming = await aio_pika.connect(url), await aio_pika.connect(url)
    publish_channel = await publishing.channel(on_return_raises=True)
    exchange = await publish_channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
    channel = await consuming.channel()
    await channel.set_qos(prefetch_count=64)
    queue = await channel.declare_queue(source, durable=True, arguments={"x-queue-type": "quorum"})
    await queue.bind(exchange, source)

    async def forward(incoming: AbstractIncomingMessage) -> None:
        await exchange.publish(_message(incoming), target)
        await incoming.ack()

    await queue.consume(forward)
    print("ready", flush=True)
    await asyncio.Event().wait()


def _spawn(name: str, url: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "bench.ceiling", name, url], stdout=subprocess.PIPE)


@asynccontextmanager
async def _running_hops(url: str) -> AsyncGenerator[None, None]:
    processes = [_spawn(name, url) for name in HOPS]
    try:
        for process in processes:
            if process.stdout is not None:
                await asyncio.to_thread(process.stdout.readline)
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


async def measure(url: str, *, in_flight: int, seconds: float) -> Timing:
    """Send requests through both hops from `in_flight` callers for `seconds`."""
    async with _running_hops(url):
        connection, replies = await aio_pika.connect(url), await aio_pika.connect(url)
        async with connection, replies:
            channel = await connection.channel(on_return_raises=True)
            exchange = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
            waiting: dict[str, asyncio.Future[None]] = {}

            async def answered(incoming: AbstractIncomingMessage) -> None:
                future = waiting.pop(incoming.correlation_id or "", None)
                if future is not None:
                    future.set_result(None)

            reply_channel = await replies.channel()
            queue = await reply_channel.declare_queue(exclusive=True)
            await queue.bind(EXCHANGE, "bench.reply")
            await queue.consume(answered, no_ack=True)

            async def once() -> bool:
                message = _message()
                future = waiting[message.correlation_id or ""] = asyncio.get_running_loop().create_future()
                await exchange.publish(message, "bench.first")
                await future
                return True

            await closed_loop(once, in_flight=in_flight, seconds=1.0)
            return await closed_loop(once, in_flight=in_flight, seconds=seconds)


if __name__ == "__main__":
    asyncio.run(hop(sys.argv[1], sys.argv[2]))
