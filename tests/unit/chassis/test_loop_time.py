"""Measuring how long a coroutine holds the loop changes nothing about how it runs."""

import asyncio
import time
from dataclasses import dataclass

import pytest

from libs.chassis import loop_time
from libs.chassis.loop_time import PRECISION, LoopTime, ThreadClock


def busy(seconds: float) -> None:
    """Use that much CPU time."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


async def test_the_longest_step_counts_and_waiting_does_not() -> None:
    async def handler() -> str:
        busy(0.01)
        await asyncio.sleep(0.05)
        busy(0.03)
        await asyncio.sleep(0)
        busy(0.01)
        return "done"

    measured = LoopTime(handler())

    assert await measured == "done"
    assert 0.03 <= measured.longest < 0.05


async def test_time_in_which_the_thread_does_not_run_is_not_the_handler_s() -> None:
    async def handler() -> None:
        time.sleep(0.05)

    measured = LoopTime(handler())
    await measured

    assert measured.longest < 0.02


@dataclass
class Clocks:
    """A clock that goes on by itself at each look, and the CPU time of a thread."""

    now: float = 100.0
    used: float = 7.0
    goes_on: float = 0.0
    looks_at_used: int = 0

    def perf_counter(self) -> float:
        self.now += self.goes_on
        return self.now

    def thread_time(self) -> float:
        self.looks_at_used += 1
        return self.used


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    found = Clocks()
    monkeypatch.setattr(loop_time, "time", found)
    return found


def test_short_steps_ask_the_kernel_once_in_a_while(clocks: Clocks) -> None:
    clocks.goes_on, clock = PRECISION / 100, ThreadClock()

    for _ in range(500):
        assert clock.since(clock.begin()) == pytest.approx(PRECISION / 100)

    assert clocks.looks_at_used == 10


@pytest.mark.parametrize("others", [0.0, PRECISION], ids=["nobody else", "others, since the kernel was asked"])
def test_a_long_step_is_its_cpu_time_give_or_take_the_precision(clocks: Clocks, others: float) -> None:
    clock = ThreadClock()
    clock.begin()
    clocks.now, clocks.used = clocks.now + others, clocks.used + others

    begun = clock.begin()
    clocks.now, clocks.used = clocks.now + 0.2, clocks.used + 0.05

    assert clock.since(begun) + 1e-9 >= 0.05
    assert clock.since(begun) <= 0.05 + PRECISION + 1e-9


async def test_an_exception_comes_through_and_its_step_counts() -> None:
    async def handler() -> None:
        await asyncio.sleep(0)
        busy(0.01)
        raise ValueError("broken")

    measured = LoopTime(handler())

    with pytest.raises(ValueError, match="broken"):
        await measured
    assert measured.longest >= 0.01


async def test_a_cancellation_reaches_the_coroutine_which_may_clean_up() -> None:
    cleaned: list[str] = []
    started = asyncio.Event()

    async def handler() -> None:
        try:
            started.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append("yes")

    async def outer() -> None:
        await LoopTime(handler())

    task = asyncio.create_task(outer())
    await started.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == ["yes"]


async def test_a_time_limit_ends_it_and_the_failure_can_be_handled_inside() -> None:
    async def handler() -> str:
        try:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        except TimeoutError:
            await asyncio.sleep(0)
            return "late"
        return "never"

    assert await LoopTime(handler()) == "late"
