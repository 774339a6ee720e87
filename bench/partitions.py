"""`python -m bench.partitions`: what one quorum queue carries, and what several carry behind a consistent hash.

Clients that only move bytes publish with confirms and consume with acknowledgements, so that the broker is what is
measured. docs/decisions/0045-partitions.md says what follows from the figures.
"""

import argparse
import asyncio
import multiprocessing
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import aio_pika
import psutil

from bench.raw_clients import consume, publish
from tools.broker import BrokerNode
from tools.broker.cluster import BrokerCluster

EXCHANGE = "bench.partitions"
WARM = 5_000
"""Messages of each consumer before the measurement begins."""
PLUGIN = "rabbitmq_consistent_hash_exchange"


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: messages a second that were published, confirmed, delivered and acknowledged."""

    queues: int
    per_second: float
    broker_cpu: float
    """Cores that the broker's nodes took."""
    client_cpu: float

    def __str__(self) -> str:
        return f"| {self.queues} | {self.per_second:,.0f} | {self.broker_cpu:.2f} | {self.client_cpu:.2f} |"


async def declare(url: str, queues: int) -> list[str]:
    """Declare the exchange with so many queues behind it; their names."""
    names = [f"{EXCHANGE}.{queues}.{number}" for number in range(queues)]
    arguments: dict[str, Any] = {"x-queue-type": "quorum"}
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        await channel.exchange_delete(EXCHANGE)
        exchange = await channel.declare_exchange(EXCHANGE, "x-consistent-hash", durable=True)
        for name in names:
            queue = await channel.declare_queue(name, durable=True, arguments=arguments)
            await queue.bind(exchange, "1")  # the weight
    return names


async def delete(url: str, names: Sequence[str]) -> None:
    """Delete the queues of a run."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        for name in names:
            await channel.queue_delete(name)


def measure(urls: Sequence[str], pids: Sequence[int], names: list[str], *, pairs: int, seconds: float) -> Measured:
    """Let pairs of a publisher and a consumer run, over all nodes in turn."""
    spawn = multiprocessing.get_context("spawn")
    stop: Event = spawn.Event()
    counts = [spawn.Value("Q", 0) for _ in range(pairs)]
    clients = []
    for number, count in enumerate(counts):
        url = urls[number % len(urls)]
        clients.append(spawn.Process(target=publish, args=(url, EXCHANGE, stop)))
        clients.append(spawn.Process(target=consume, args=(url, names, stop, count)))
    for client in clients:
        client.start()
    try:
        while sum(each.value for each in counts) < WARM * pairs:
            time.sleep(0.1)
        before, at, cpu, own = sum(each.value for each in counts), time.monotonic(), cpu_of(pids), cpu_of_all(clients)
        time.sleep(seconds)
        took = time.monotonic() - at
        done = sum(each.value for each in counts) - before
        used, used_by_clients = cpu_of(pids) - cpu, cpu_of_all(clients) - own
    finally:
        stop.set()
        for client in clients:
            client.join(10)
            client.kill()
    return Measured(len(names), done / took, used / took, used_by_clients / took)


def cpu_of(pids: Sequence[int]) -> float:
    """CPU seconds that these processes have taken."""
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(each.user + each.system for each in times)


def cpu_of_all(clients: Sequence[Any]) -> float:
    """The same of the clients."""
    return cpu_of([client.pid for client in clients])


async def run(*, counts: Sequence[int], nodes: int, pairs: int, seconds: float) -> None:
    """Measure each number of queues on a broker of its own, and print a table."""
    with tempfile.TemporaryDirectory() as folder:
        if nodes == 1:
            node = await BrokerNode.start(Path(folder))
            started, members = node.stop, (node,)
        else:
            cluster = await BrokerCluster.start(Path(folder))
            started, members = cluster.stop, cluster.nodes  # type: ignore[assignment]
        try:
            for each in members:
                await each.run("rabbitmq-plugins", "enable", PLUGIN)
            print(f"{nodes} node(s), {pairs} publishers and consumers, 1 KB a message")
            print("| queues | messages/s | broker, cores | clients, cores |\n|---|---|---|---|")
            for count in counts:
                names = await declare(members[0].url, count)
                urls, pids = [each.url for each in members], [each.pid for each in members]
                found = await asyncio.to_thread(measure, urls, pids, names, pairs=pairs, seconds=seconds)
                print(found, flush=True)
                await delete(members[0].url, names)
        finally:
            await started()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.partitions", description=__doc__)
    parser.add_argument("--queues", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=1)
    parser.add_argument("--pairs", type=int, default=2, help="publishers, and as many consumers")
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    asyncio.run(run(counts=given.queues, nodes=given.nodes, pairs=given.pairs, seconds=given.seconds))


if __name__ == "__main__":
    main()
