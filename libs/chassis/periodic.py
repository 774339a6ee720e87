"""`periodic`: a background job that runs at an interval for as long as a block runs."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from libs.chassis import metrics
from libs.chassis.clock import utc_now
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
    that fails is logged and counted under `name`; the job runs again after the same wait. The time of the last success
    is a gauge, which ends with the block: an alert sees a job that fails or hangs, and none sees one that was stopped.
    """
    metrics.JOB_SUCCEEDED_AT.labels(name).set(utc_now().timestamp())
    metrics.JOB_INTERVAL_SECONDS.labels(name).set(seconds)
    metrics.from_zero(metrics.JOB_FAILURES, [name])
    task = asyncio.create_task(_repeat(name, job, seconds, wake or asyncio.Event(), delayed=delayed))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        metrics.JOB_SUCCEEDED_AT.remove(name)
        metrics.JOB_INTERVAL_SECONDS.remove(name)


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


@contextmanager
def _only_own_cancellation() -> Iterator[None]:
    """Turn a cancellation that nobody asked for into an error: the AMQP library cancels what waits when a line dies."""
    try:
        yield
    except asyncio.CancelledError as error:
        if (task := asyncio.current_task()) is None or task.cancelling():
            raise
        raise ConnectionError("cancelled from inside") from error


async def _run(name: str, job: Job) -> None:
    try:
        with _only_own_cancellation():
            await job()
    except GatewayError as failure:
        metrics.JOB_FAILURES.labels(name).inc()
        log.warning("job failed, will run again", job=name, code=failure.code.value)
    except Exception as defect:  # noqa: BLE001 -- the next run may succeed, and the other jobs go on
        metrics.JOB_FAILURES.labels(name).inc()
        # No traceback: the text of an exception may hold personal data.
        log.error("job failed, will run again", job=name, failure=type(defect).__name__, at=failure_location(defect))  # noqa: TRY400
    else:
        metrics.JOB_SUCCEEDED_AT.labels(name).set(utc_now().timestamp())
