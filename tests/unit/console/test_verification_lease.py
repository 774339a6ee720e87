"""A verification takes half of the time at most, and keeps its lease while it runs."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from libs.store.factory import open_store
from libs.store.store import Store
from services.console.handlers.verification_lease import (
    LEASE_SECONDS,
    LONGEST_PAUSE,
    RENEWAL_SECONDS,
    LeaseLost,
    VerificationLease,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class Time:
    """Both clocks of a process."""

    seconds: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += seconds


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(f"sqlite:///{tmp_path / 'gateway.db'}")
    yield opened
    await opened.close()


def lease_of(owner: str, time: Time, store: Store) -> VerificationLease:
    return VerificationLease(
        job_id="verify:whole",
        owner=owner,
        leases=store.job_leases,
        clock=time.now,
        monotonic=lambda: time.seconds,
        sleep=time.sleep,
    )


async def test_each_pause_is_as_long_as_the_work_before_it(store: Store) -> None:
    time = Time()
    lease = lease_of("console-1", time, store)
    assert await lease.acquire()

    for work in (0.02, 0.1, 9.0):
        time.seconds += work
        await lease()

    assert time.pauses == pytest.approx([0.02, 0.1, LONGEST_PAUSE])


async def test_the_lease_is_kept_as_long_as_the_work_goes_on(store: Store) -> None:
    time = Time()
    lease, other = lease_of("console-1", time, store), lease_of("console-2", time, store)
    assert await lease.acquire()

    for _ in range(20):
        time.seconds += RENEWAL_SECONDS / 2
        await lease()
        assert not await other.acquire()

    assert time.seconds > LEASE_SECONDS
    await lease.release()
    assert await other.acquire()


async def test_work_stops_when_another_has_the_lease(store: Store) -> None:
    time = Time()
    lease, other = lease_of("console-1", time, store), lease_of("console-2", time, store)
    assert await lease.acquire()
    time.seconds += LEASE_SECONDS + 1
    assert await other.acquire()

    with pytest.raises(LeaseLost):
        await lease()
