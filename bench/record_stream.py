"""`python -m bench.record_stream`: what the record costs the broker as a quorum queue, and as a stream.

Each message goes to a work queue and to the record's, is confirmed, delivered and acknowledged on both. CPU time of
the broker is what counts, so it needs no quiet machine. docs/decisions/0069-what-a-record-costs.md has the figures.
"""

import argparse
import asyncio
import multiprocessing
import tempfile
import time
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import aio_pika

from bench.partitions import cpu_of
from bench.raw_clients import consume, publish
from tools.broker import BrokerNode

EXCHANGE = "bench.record"
WARM = 5_000
SETTINGS = {"one quorum queue": ("quorum",), "two quorum queues": ("quorum",) * 2, "and a stream": ("quorum", "stream")}


async def declare(url: str, kinds: tuple[str, ...]) -> list[str]:
    """Declare a fanout exchange with queues of these kinds; their names."""
    names = [f"{EXCHANGE}.{number}" for number in range(len(kinds))]
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        await channel.exchange_delete(EXCHANGE)
        exchange = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.FANOUT, durable=True)
        for name, kind in zip(names, kinds, strict=True):
            await channel.queue_delete(name)
            queue = await channel.declare_queue(name, durable=True, arguments={"x-queue-type": kind})
            await queue.bind(exchange)
    return names


def measure(node: BrokerNode, names: list[str], seconds: float) -> tuple[float, float]:
    """Messages a second, and the broker's CPU microseconds for one, with a publisher and a consumer of each queue."""
    spawn = multiprocessing.get_context("spawn")
    stop: Event = spawn.Event()
    counts = [spawn.Value("Q", 0) for _ in names]
    clients: list[Any] = [
        spawn.Process(target=consume, args=(node.url, [name], stop, count))
        for name, count in zip(names, counts, strict=True)
    ]
    clients.append(spawn.Process(target=publish, args=(node.url, EXCHANGE, stop)))
    for client in clients:
        client.start()
    try:
        while min(each.value for each in counts) < WARM:
            time.sleep(0.1)
        before, at, cpu = min(each.value for each in counts), time.monotonic(), cpu_of([node.pid])
        time.sleep(seconds)
        done, took = min(each.value for each in counts) - before, time.monotonic() - at
        return done / took, (cpu_of([node.pid]) - cpu) / done * 1e6
    finally:
        stop.set()
        for client in clients:
            client.join(10)
            client.kill()


async def run(seconds: float, rounds: int) -> None:
    """Measure each setting in turn, and print a row for each."""
    with tempfile.TemporaryDirectory() as folder:
        node = await BrokerNode.start(Path(folder))
        try:
            for _ in range(rounds):
                for what, kinds in SETTINGS.items():
                    names = await declare(node.url, kinds)
                    rate, cpu = await asyncio.to_thread(measure, node, names, seconds)
                    print(f"{what:<20} {rate:8,.0f}/s  {cpu:6.1f} us CPU of the broker a message", flush=True)
        finally:
            await node.stop()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.record_stream", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    asyncio.run(run(given.seconds, given.rounds))


if __name__ == "__main__":
    main()
