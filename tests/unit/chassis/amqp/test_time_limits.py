"""A cancellation by the library is an error, one that was asked for stays one; and a limit costs little."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager

import pytest

from libs.chassis.amqp.faults import ConnectionLost, library_cancellations_as_errors, time_limit

TIMES, ROUNDS = 300, 15


async def cancelled_by_the_library() -> None:
    """The library cancels what a task waits for, and not the task."""
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


async def within_a_limit(wait: Callable[[], Awaitable[None]], seconds: float = 60.0) -> None:
    async with time_limit(seconds):
        await wait()


async def within_no_limit(wait: Callable[[], Awaitable[None]]) -> None:
    with library_cancellations_as_errors():
        await wait()


@pytest.mark.parametrize("within", [within_a_limit, within_no_limit])
async def test_a_cancellation_by_the_library_is_a_lost_connection(
    within: Callable[[Callable[[], Awaitable[None]]], Awaitable[None]],
) -> None:
    with pytest.raises(ConnectionLost) as lost:
        await within(cancelled_by_the_library)

    assert isinstance(lost.value.__cause__, asyncio.CancelledError)


@pytest.mark.parametrize("within", [within_a_limit, within_no_limit])
async def test_a_cancellation_of_the_task_cancels_it(
    within: Callable[[Callable[[], Awaitable[None]]], Awaitable[None]],
) -> None:
    begun = asyncio.Event()

    async def wait() -> None:
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.ensure_future(within(wait))
    await begun.wait()

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_takes_longer_than_the_limit_is_a_time_out() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await within_a_limit(wait, 0.001)


@asynccontextmanager
async def of_generators(seconds: float) -> AsyncGenerator[None]:
    """A limit that is made of two generators."""
    with no_change():
        async with asyncio.timeout(seconds):
            yield


@contextmanager
def no_change() -> Iterator[None]:
    yield


async def test_a_limit_takes_less_cpu_than_generators_would() -> None:
    ours, generators = list[float](), list[float]()
    for _ in range(ROUNDS):
        ours.append(await cpu_of(time_limit))
        generators.append(await cpu_of(of_generators))

    assert min(ours) < 0.85 * min(generators)


async def cpu_of(limit: Callable[[float], AbstractAsyncContextManager[object]]) -> float:
    started = time.thread_time()
    for _ in range(TIMES):
        async with limit(60.0):
            pass
    return time.thread_time() - started
