"""A periodic job runs while its block does, whatever becomes of one run."""

import asyncio
from contextlib import suppress

from prometheus_client import REGISTRY

from libs.chassis.periodic import periodic
from libs.contracts.errors import unavailable


class Job:
    """Fails as `failures` says, then succeeds; `ran` is set after `wanted` runs."""

    def __init__(self, *failures: Exception, wanted: int = 1) -> None:
        self.failures = list(failures)
        self.runs = 0
        self.wanted = wanted
        self.ran = asyncio.Event()

    async def __call__(self) -> None:
        self.runs += 1
        if self.runs >= self.wanted:
            self.ran.set()
        if self.failures:
            raise self.failures.pop(0)


async def test_a_job_runs_at_once_and_again_after_the_interval() -> None:
    job = Job(wanted=3)

    async with asyncio.timeout(5), periodic("job", job, 0.01):
        await job.ran.wait()

    assert job.runs >= 3


async def test_a_job_that_fails_runs_again() -> None:
    job = Job(unavailable("store"), KeyError("personal"), wanted=3)

    async with asyncio.timeout(5), periodic("job", job, 0.01):
        await job.ran.wait()

    assert not job.failures


async def test_a_delayed_job_does_not_run_before_its_interval() -> None:
    job = Job()

    async with periodic("job", job, 60, delayed=True):
        await asyncio.sleep(0.02)

    assert job.runs == 0


async def test_an_event_wakes_the_job_before_its_interval() -> None:
    job, wake = Job(wanted=2), asyncio.Event()

    async with asyncio.timeout(5), periodic("job", job, 60, wake=wake):
        await asyncio.sleep(0.01)
        wake.set()
        await job.ran.wait()

    assert job.runs == 2


async def test_a_job_ends_with_its_block() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with periodic("job", work, 60):
        await started.wait()

    assert ended.is_set()


async def test_a_job_that_suppresses_its_cancellation_ends_with_its_block() -> None:
    started = asyncio.Event()

    async def stubborn() -> None:
        started.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    async with asyncio.timeout(5), periodic("job", stubborn, 60):
        await started.wait()


async def test_a_cancellation_that_nobody_asked_for_does_not_end_the_job() -> None:
    runs = 0

    async def cancelled_by_a_library() -> None:
        nonlocal runs
        runs += 1
        raise asyncio.CancelledError

    async with asyncio.timeout(5), periodic("job", cancelled_by_a_library, 0.001):
        while runs < 3:
            await asyncio.sleep(0.001)


def shown(name: str, job: str) -> float | None:
    return REGISTRY.get_sample_value(name, {"name": job})


async def test_a_job_s_last_success_and_its_failures_are_counted() -> None:
    job = Job(unavailable("store"), KeyError("personal"), wanted=4)

    async with asyncio.timeout(5), periodic("counted", job, 0.01):
        began = shown("gateway_job_succeeded_timestamp_seconds", "counted")
        interval = shown("gateway_job_interval_seconds", "counted")
        failed_before = shown("gateway_job_failures_total", "counted")
        await job.ran.wait()
        succeeded = shown("gateway_job_succeeded_timestamp_seconds", "counted")

    assert (interval, failed_before) == (0.01, 0)
    assert shown("gateway_job_failures_total", "counted") == 2
    assert began is not None
    assert succeeded is not None
    assert succeeded > began


async def test_a_job_that_was_stopped_has_no_last_success() -> None:
    async with periodic("stopped", Job(), 60):
        pass

    assert shown("gateway_job_succeeded_timestamp_seconds", "stopped") is None
    assert shown("gateway_job_interval_seconds", "stopped") is None
