"""`closed_loop` and `open_loop`: two ways of sending requests, and `Timing`: what they measure."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

Once = Callable[[], Awaitable[bool]]
"""One request; False for a wrong answer."""
MOST_WAITING = 20_000
"""An open loop sends no more while so many requests wait for their answers: the gateway is past its capacity."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The result of a run; times in seconds."""

    count: int
    failed: int
    seconds: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Correctly answered requests per second."""
        return (self.count - self.failed) / self.seconds

    def line(self, name: str) -> str:
        """A line to print."""
        wrong = f"  failed {self.failed}" if self.failed else ""
        return (
            f"{name:<38} {self.rate:8.0f}/s   p50 {self.p50 * 1000:6.2f} ms   p99 {self.p99 * 1000:7.2f} ms"
            f"   n {self.count}{wrong}"
        )


async def closed_loop(once: Once, *, in_flight: int, seconds: float, most: int = 1_000_000) -> Timing:
    """Call `once` from `in_flight` callers for `seconds`, or until `most` calls were started.

    Each caller sends its next request after the answer to the last one.
    """
    times: list[float] = []
    failed = started = 0
    start = time.perf_counter()
    end = start + seconds

    async def caller() -> None:
        nonlocal failed, started
        while (now := time.perf_counter()) < end and started < most:
            started += 1
            if not await once():
                failed += 1
            times.append(time.perf_counter() - now)

    await asyncio.gather(*(caller() for _ in range(in_flight)))
    return _timing(times, failed, time.perf_counter() - start)


async def open_loop(once: Once, *, rate: float, seconds: float, seed: int = 1) -> Timing:
    """Call `once` at random times, `rate` a second on average, whether or not earlier calls are answered.

    A latency counts from the time at which the request was due, so a pause of the load generator, or of what it
    measures, is not hidden (coordinated omission). Arrivals are a Poisson process.
    """
    arrivals = random.Random(seed)
    times: list[float] = []
    waiting: set[asyncio.Task[None]] = set()
    failed = 0

    async def request(due: float) -> None:
        nonlocal failed
        if not await once():
            failed += 1
        times.append(time.perf_counter() - due)

    start = due = time.perf_counter()
    while (due := due + arrivals.expovariate(rate)) < start + seconds:
        if (pause := due - time.perf_counter()) > 0:
            await asyncio.sleep(pause)
        if len(waiting) >= MOST_WAITING:
            break
        task = asyncio.create_task(request(due))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
    await asyncio.gather(*waiting)
    return _timing(times, failed, time.perf_counter() - start)


def _timing(times: list[float], failed: int, seconds: float) -> Timing:
    times.sort()
    return Timing(
        len(times), failed, seconds, times[len(times) // 2], times[min(len(times) - 1, len(times) * 99 // 100)]
    )
