"""`python -m bench.disk`: measures the bytes that a message leaves: in the store, a backup, the broker, the sink, logs.

Agents' replies with their statuses, sent through a running gateway while audit is stopped, so that its queue holds all
events of them; then audit records them. The store's bytes are those of its backup, without a write-ahead log: SQLite's
files with their indexes, MongoDB's documents (`GATEWAY_TEST_STORE_URL`) before the server compresses them.
"""

import argparse
import asyncio
import itertools
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import aio_pika
import orjson

from bench.gateway import Load
from bench.seed_data import open_windows
from bench.targets import Customers, prepare
from bench.timing import closed_loop
from tools.broker import BrokerNode
from tools.stack import Stack, StackPlan
from tools.stack.processes import ROOT

FIRST, WARM_UP = 300_000, 100
AUDIT_QUEUE = "audit.records"
PAUSE_SECONDS = 1.0
SETTLED = 5
"""Looks in a row, `PAUSE_SECONDS` apart, after which queues that are empty count as such."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """What there is at one moment, in bytes."""

    backup: dict[str, int]
    records: int
    sink: int
    logs: int

    @classmethod
    async def of(cls, stack: Stack, backup: Path) -> "Sizes":
        """Take a backup, and look at the files."""
        command = [sys.executable, "-m", "tools.cli", "backup", str(backup), "--json"]
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=ROOT, env=os.environ | stack.settings, check=True, capture_output=True
        )
        sink = Path(stack.settings["GATEWAY_CHECKPOINT_SINK"].removeprefix("file:"))
        parts = {each.name: each.stat().st_size for each in backup.glob("*/*") if each.suffix != ".json"}
        logs = sum(each.stat().st_size for each in stack.plan.data_dir.rglob("*.log") if "broker" not in each.parts)
        return cls(parts, orjson.loads(done.stdout)["records"], sink.stat().st_size if sink.exists() else 0, logs)


async def _queues(stack: Stack) -> dict[str, int]:
    """How many messages each queue holds."""
    listed = await _broker(stack).rabbitmqctl("list_queues", "--silent", "name", "messages")
    rows = [line.split("\t") for line in listed.splitlines()]
    return {name: int(count or 0) for name, count in rows}  # empty: it is not there any more


async def _bytes_in(stack: Stack, queue: str) -> int:
    """The bytes of the bodies that a queue holds. They are read without being acknowledged, so they stay."""
    async with await aio_pika.connect(_broker(stack).url) as connection:
        channel = await connection.channel()
        source, total = await channel.get_queue(queue, ensure=False), 0
        while (found := await source.get(fail=False)) is not None:
            total += len(found.body)
    return total


def _broker(stack: Stack) -> BrokerNode:
    if stack.broker is None:
        raise RuntimeError("the measurement needs its own broker")
    return stack.broker


async def _settled(stack: Stack, *, but: str = "") -> None:
    quiet = 0
    while quiet < SETTLED:
        await asyncio.sleep(PAUSE_SECONDS)
        quiet = 0 if any(count for name, count in (await _queues(stack)).items() if name != but) else quiet + 1


async def run(messages: int) -> None:
    """Measure, and print one line for each place."""
    with tempfile.TemporaryDirectory(prefix="gateway-disk-") as name:
        folder, customers = Path(name), Customers(FIRST, messages + WARM_UP)
        async with Stack(StackPlan(data_dir=folder / "data")) as stack:
            targets = await prepare(stack, accounts=5, integrations=50)
            await open_windows(stack, targets, customers)
            load = Load(stack.ingress_urls, targets, customers, itertools.count())
            await closed_loop(load.once, in_flight=4, seconds=600.0, most=WARM_UP)
            await _settled(stack)
            before = await Sizes.of(stack, folder / "before")
            [audit] = stack.services["audit"]
            await audit.stop()
            timing = await closed_loop(load.once, in_flight=4, seconds=3600.0, most=messages)
            await _settled(stack, but=AUDIT_QUEUE)
            events, size = (await _queues(stack))[AUDIT_QUEUE], await _bytes_in(stack, AUDIT_QUEUE)
            await audit.restart()
            await _settled(stack)
            after = await Sizes.of(stack, folder / "after")
            load.close()
        _tell(before, after, timing.count, events, size)


def _tell(before: Sizes, after: Sizes, count: int, events: int, size: int) -> None:
    print(f"{count} messages, {(after.records - before.records) / count:.1f} records each; bytes for each message:")
    for part in sorted(after.backup):
        print(f"  {part:<24} {(after.backup[part] - before.backup.get(part, 0)) / count:8,.0f}")
    print(f"  {'a backup, in all':<24} {(sum(after.backup.values()) - sum(before.backup.values())) / count:8,.0f}")
    print(f"  {AUDIT_QUEUE:<24} {size / count:8,.0f}   {events / count:.1f} events of {size / events:,.0f} bytes")
    print(f"  {'the sink':<24} {(after.sink - before.sink) / count:8,.0f}")
    print(f"  {'logs':<24} {(after.logs - before.logs) / count:8,.0f}", flush=True)


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=2_000)
    asyncio.run(run(parser.parse_args().messages))


if __name__ == "__main__":
    main()
