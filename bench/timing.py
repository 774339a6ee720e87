"""`closed_loop`: a fixed number of callers, each sending its next request after the answer to the last one."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

Once = Callable[[], Awaitable[bool]]
"""One request; False for a wrong answer."""


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
            f"{name:<34} {self.rate:8.0f}/s   p50 {self.p50 * 1000:6.2f} ms   p99 {self.p99 * 1000:7.2f} ms"
            f"   n {self.count}{wrong}"
        )


async def closed_loop(once: Once, *, in_flight: int, seconds: float, most: int = 1_000_000) -> Timing:
    """Call `once` from `in_flight` callers for `seconds`, or until `most` calls were started."""
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
    took = time.perf_counter() - start
    times.sort()
    return Timing(len(times), failed, took, times[len(times) // 2], times[min(len(times) - 1, len(times) * 99 // 100)])
