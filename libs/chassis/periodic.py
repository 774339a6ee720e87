"""`periodic`: a background job that runs at an interval for as long as a block runs."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from libs.chassis.failures import failure_location
from libs.chassis.telemetry import logger
from libs.contracts.errors import GatewayError

log = logger(__name__)
Job = Callable[[], Awaitable[object]]


@asynccontextmanager
async def periodic(
    name: str, job: Job, seconds: float, *, wake: asyncio.Event | None = None, delayed: bool = False
) -> AsyncGenerator[None, None]:
    """Run `job` in the background, and again `seconds` after each run, until the block ends and cancels it.

    The first run begins at once, or after `seconds` when `delayed`. Setting `wake` starts the next run early. A run
    that fails is logged under `name`; the job runs again after the same wait.
    """
    task = asyncio.create_task(_repeat(name, job, seconds, wake or asyncio.Event(), delayed=delayed))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _repeat(name: str, job: Job, seconds: float, wake: asyncio.Event, *, delayed: bool) -> None:
    if delayed:
        await _wait(wake, seconds)
    while True:
        wake.clear()
        await _run(name, job)
        if (task := asyncio.current_task()) is not None and task.cancelling():
            return  # the job suppressed the cancellation, as the AMQP library can
        await _wait(wake, seconds)


async def _wait(wake: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await wake.wait()


async def _run(name: str, job: Job) -> None:
    try:
        await job()
    except GatewayError as failure:
        log.warning("job failed, will run again", job=name, code=failure.code.value)
    except Exception as defect:  # noqa: BLE001 -- the next run may succeed, and the other jobs go on
        # No traceback: the text of an exception may hold personal data.
        log.error("job failed, will run again", job=name, failure=type(defect).__name__, at=failure_location(defect))  # noqa: TRY400
