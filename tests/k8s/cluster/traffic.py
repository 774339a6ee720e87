"""Steady traffic through the Service: each message once, on a connection of its own, at a rate that does not slow down.

A caller who is refused or cut off does not try again, so a failure is counted as one.
"""

import asyncio
import itertools
import math
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.chaos.load import Load, Size
from tests.e2e.driver import Answer, Gateway

PER_SECOND = 20.0
SIZE = Size(accounts=2, integrations=16, customers=64)
"""Enough for a minute of it: an integration is asked 40 times, a customer gets ten messages."""
NO_ANSWER = (aiohttp.ClientError, TimeoutError, ConnectionError)
ANSWERED = ("sent", "pending")


@dataclass(frozen=True, slots=True)
class Sample:
    """One message: how it was answered, or the name of the error instead."""

    at: float
    """Seconds since the traffic began."""
    seconds: float
    result: str


@dataclass(eq=False)
class Traffic:
    """Messages that are sent until the block ends."""

    load: Load
    serials: Iterator[int]
    samples: list[Sample] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    @property
    def failed(self) -> dict[str, int]:
        """The failures by kind."""
        return dict(Counter(each.result for each in self.samples if each.result not in ANSWERED))

    @property
    def figures(self) -> dict[str, Any]:
        """What the callers saw."""
        waits = sorted(each.seconds for each in self.samples if each.result in ANSWERED)
        results = Counter(each.result for each in self.samples)
        return {
            "messages": len(self.samples),
            "failed": sum(self.failed.values()),
            "pending": results["pending"],
            "p50_s": percentile(waits, 0.50),
            "p99_s": percentile(waits, 0.99),
            "seconds": round(time.monotonic() - self.began, 1),
        }

    async def answered(self, count: int, *, seconds: float = 60.0) -> None:
        """Wait until `count` more messages have been answered."""
        wanted = len(self.samples) + count
        async with asyncio.timeout(seconds):
            while len(self.samples) < wanted:
                await asyncio.sleep(0.02)

    async def send(self, serial: int) -> None:
        """Send one message and note what came of it."""
        start = time.monotonic()
        try:
            answer = await post_once(self.load, serial)
        except NO_ANSWER as error:
            result = type(error).__name__
        else:
            result = answer.result if answer.result in ANSWERED else f"{answer.result} {answer.details}"
        self.samples.append(Sample(start - self.began, time.monotonic() - start, result))


async def post_once(load: Load, serial: int) -> Answer:
    """Post the message with this number as its caller; an answer is kept for the ledger check."""
    integration, body = load.message(serial)
    answer = await load.gateway.post(integration, body, Idempotency_Key=f"m{serial}")
    if answer.event_id:
        load.answers[serial] = (integration, answer)
    return answer


@asynccontextmanager
async def steady_traffic(
    load: Load, serials: Iterator[int], *, per_second: float = PER_SECOND
) -> AsyncIterator[Traffic]:
    """Send from before the block begins until after it has ended; every message has its end when this returns."""
    running = Traffic(load, serials)
    sending = asyncio.create_task(_send_steadily(running, per_second))
    try:
        await running.answered(int(per_second))
        yield running
        await running.answered(int(per_second))
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def _send_steadily(running: Traffic, per_second: float) -> None:
    """Start a message at each tick. A cancelled one starts no more, and waits for those that are on their way."""
    tasks = set[asyncio.Task[None]]()
    try:
        for tick in itertools.count(1):
            task = asyncio.create_task(running.send(next(running.serials)))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            await asyncio.sleep(max(0.0, running.began + tick / per_second - time.monotonic()))
    finally:
        await asyncio.gather(*tasks)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value that this share of the ordered values does not exceed (nearest rank); 0 of none."""
    return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 3) if ordered else 0.0


async def new_load(gateway: Gateway) -> Load:
    """Accounts, numbers and customers of their own for a run of scenarios."""
    return await Load.create(gateway, random.Random(0), SIZE)
