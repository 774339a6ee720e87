"""The ceiling: request and reply with aio_pika alone, over two hops with quorum queues and publisher confirms.

Three processes, as in the gateway: a requester and two hops. They use what the services use, so that the ratio shows
what the gateway adds: the same event loop, messages with the same properties, and grouped acknowledgements.
`python -m bench.ceiling HOP URL` runs a hop.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import uuid4

import aio_pika
import uvloop
from aio_pika.abc import AbstractExchange, AbstractIncomingMessage

from bench.costs import Cost, Meter
from bench.timing import Timing, closed_loop
from libs.chassis.amqp.acknowledgements import Acknowledgements
from libs.chassis.amqp.envelope import ACCOUNT, AT, ATTEMPT, MAC, VERSION

EXCHANGE = "bench.events"
HOPS = {"first": ("bench.first", "bench.second"), "second": ("bench.second", "bench.reply")}
BODY = b"x" * 400
"""Approximately an event's size."""
_MAC = "k" * 60
"""As long as an event's MAC; nobody computes or checks it here."""


def _message(source: AbstractIncomingMessage | None = None) -> aio_pika.Message:
    now = datetime.now(UTC)
    return aio_pika.Message(
        BODY,
        content_type="application/json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=str(uuid4()),
        correlation_id=source.correlation_id if source else str(uuid4()),
        type="webhook.received",
        app_id="ingress",
        timestamp=now,
        headers={
            ATTEMPT: 1,
            AT: int(now.timestamp() * 1_000_000),
            VERSION: 1,
            ACCOUNT: "acc_0123456789abcdef",
            MAC: _MAC,
        },
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
    await queue.purge()  # what the run before left, whose requester is gone
    acknowledgements = Acknowledgements(source)

    async def forward(incoming: AbstractIncomingMessage) -> None:
        await exchange.publish(_message(incoming), target, mandatory=True)
        acknowledgements.add(incoming)

    await queue.consume(forward)
    print("ready", flush=True)
    await asyncio.Event().wait()


def _spawn(name: str, url: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "bench.ceiling", name, url], stdout=subprocess.PIPE)


@asynccontextmanager
async def _running_hops(url: str) -> AsyncGenerator[dict[str, int], None]:
    """The pids of the hops by name."""
    processes = {name: _spawn(name, url) for name in HOPS}
    try:
        for process in processes.values():
            if process.stdout is not None:
                await asyncio.to_thread(process.stdout.readline)
        yield {f"{name} hop": process.pid for name, process in processes.items()}
    finally:
        for process in processes.values():
            process.kill()
            process.wait()


class _Requests:
    """Sends requests and hands each reply to whom it belongs."""

    def __init__(self, exchange: AbstractExchange) -> None:
        self._exchange = exchange
        self._waiting: dict[str, asyncio.Future[None]] = {}

    async def once(self) -> bool:
        """Send one request and wait for its reply."""
        message = _message()
        future = self._waiting[message.correlation_id or ""] = asyncio.get_running_loop().create_future()
        await self._exchange.publish(message, "bench.first", mandatory=True)
        await future
        return True

    async def on_reply(self, incoming: AbstractIncomingMessage) -> None:
        """End the wait for this reply."""
        future = self._waiting.pop(incoming.correlation_id or "", None)
        if future is not None:
            future.set_result(None)


async def measure(url: str, broker_pid: int, *, in_flight: int, seconds: float) -> tuple[Timing, list[Cost]]:
    """Send requests through both hops from `in_flight` callers for `seconds`."""
    async with _running_hops(url) as hops:
        connection, replies = await aio_pika.connect(url), await aio_pika.connect(url)
        async with connection, replies:
            channel = await connection.channel(on_return_raises=True)
            exchange = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
            requests = _Requests(exchange)
            reply_channel = await replies.channel()
            queue = await reply_channel.declare_queue(exclusive=True)
            await queue.bind(EXCHANGE, "bench.reply")
            await queue.consume(requests.on_reply, no_ack=True)
            await closed_loop(requests.once, in_flight=in_flight, seconds=1.0)
            meter = Meter({"requester": os.getpid(), **hops, "rabbitmq": broker_pid})
            timing = await closed_loop(requests.once, in_flight=in_flight, seconds=seconds)
            return timing, meter.costs(timing.count)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(hop(sys.argv[1], sys.argv[2]))
