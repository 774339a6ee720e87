"""Measuring how long a coroutine holds the loop changes nothing about how it runs."""

import asyncio
import time

import pytest

from libs.chassis.loop_time import LoopTime


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
