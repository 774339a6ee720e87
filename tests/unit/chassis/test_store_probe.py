"""The store's part of readiness: a write of one row, kept for five seconds, told once a minute."""

import asyncio

import pytest
import structlog
from prometheus_client import REGISTRY

from libs.chassis.health import DependencyDown
from libs.chassis.store_probe import KEPT_SECONDS, LIMIT_SECONDS, LOG_SECONDS, StoreProbe
from libs.contracts.errors import unavailable


class Store:
    """A store that takes writes unless it has a `cause` not to; counts them."""

    def __init__(self) -> None:
        self.cause: str | None = None
        self.hangs = False
        self.writes = 0

    async def write(self) -> None:
        self.writes += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.cause is not None:
            failure = unavailable("store")
            failure.add_note(self.cause)
            raise failure


class Clock:
    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def probe(store: Store, clock: Clock) -> StoreProbe:
    return StoreProbe(store.write, monotonic=clock)


async def is_writable(probe: StoreProbe) -> bool:
    try:
        return await probe.writable()
    except DependencyDown:
        return False


def gauge() -> float | None:
    return REGISTRY.get_sample_value("gateway_store_writable")


async def test_a_store_that_takes_the_row_is_writable(probe: StoreProbe) -> None:
    assert await is_writable(probe)
    assert gauge() == 1.0


async def test_a_result_is_kept_for_five_seconds_however_many_ask(
    probe: StoreProbe, store: Store, clock: Clock
) -> None:
    await asyncio.gather(*(is_writable(probe) for _ in range(20)))
    store.cause = "disk full"
    kept = await is_writable(probe)
    clock.at += KEPT_SECONDS + 0.1
    renewed = await is_writable(probe)

    assert (kept, renewed) == (True, False)
    assert store.writes == 2
    assert gauge() == 0.0


async def test_the_cause_is_logged_once_a_minute_while_it_lasts(probe: StoreProbe, store: Store, clock: Clock) -> None:
    store.cause = "SQLite reports SQLITE_FULL"
    with structlog.testing.capture_logs() as lines:
        for _ in range(int(2 * LOG_SECONDS / (KEPT_SECONDS + 1)) + 1):
            await is_writable(probe)
            clock.at += KEPT_SECONDS + 1

    assert [line["cause"] for line in lines] == ["SQLite reports SQLITE_FULL"] * 3


async def test_the_next_failure_after_a_recovery_is_logged_at_once(
    probe: StoreProbe, store: Store, clock: Clock
) -> None:
    with structlog.testing.capture_logs() as lines:
        for cause in ("locked", None, "read-only"):
            store.cause = cause
            await is_writable(probe)
            clock.at += KEPT_SECONDS + 1

    assert [line["cause"] for line in lines] == ["locked", "read-only"]


async def test_a_store_that_hangs_is_a_time_out(
    probe: StoreProbe, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("libs.chassis.store_probe.LIMIT_SECONDS", 0.01)
    store.hangs = True
    with structlog.testing.capture_logs() as lines:
        writable = await is_writable(probe)

    assert not writable
    assert lines[0]["cause"].startswith("time-out")
    assert LIMIT_SECONDS < 2.5  # of the readiness probe


async def test_a_defect_is_not_writable_either(clock: Clock) -> None:
    async def broken() -> None:
        raise LookupError("who wrote this")

    with structlog.testing.capture_logs() as lines:
        writable = await is_writable(StoreProbe(broken, monotonic=clock))

    assert not writable
    assert lines[0]["cause"] == "LookupError"
