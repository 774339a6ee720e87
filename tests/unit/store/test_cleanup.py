"""Cleanups go by a clock that may jump: what it removes early is never more than a day's rows, for a day."""

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from libs.store.instants import micros_from
from libs.store.sqlite.cleanup import WRITES_PER_CLEANUP, BoundedClock, ExpiredRowCleanup

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Running:
    """How long the process has run."""

    seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize(
    ("elapsed", "now", "expected"),
    [
        pytest.param(0, NOON, NOON, id="at the start"),
        pytest.param(3_600, NOON + timedelta(hours=1), NOON + timedelta(hours=1), id="an hour later"),
        pytest.param(3_600, NOON + timedelta(hours=20), NOON + timedelta(hours=20), id="less than a day ahead"),
        pytest.param(60, NOON + 60 * DAY, NOON + DAY + timedelta(seconds=60), id="sixty days ahead"),
        pytest.param(60, NOON - 60 * DAY, NOON - 60 * DAY, id="set back"),
    ],
)
def test_a_clock_is_believed_up_to_a_day_more_than_has_passed(
    elapsed: float, now: datetime, expected: datetime
) -> None:
    running = Running()
    clock = BoundedClock(running)
    clock(NOON)

    running.seconds += elapsed

    assert clock(now) == expected


def test_a_clock_that_stays_ahead_for_more_than_a_day_is_believed() -> None:
    running = Running()
    clock = BoundedClock(running, began=NOON)
    jumped = NOON + 60 * DAY
    clock(NOON)

    first, _ = clock(jumped), running
    running.seconds += 86_401
    later = clock(jumped + DAY)

    assert first < NOON + 2 * DAY
    assert later == jumped + DAY


def test_a_process_that_starts_with_a_wrong_clock_goes_by_the_rows_that_it_finds() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE things (name TEXT, at INTEGER)")
    rows = [(f"t{n}", micros_from(NOON - n * DAY)) for n in (40, 20, 1)]
    connection.executemany("INSERT INTO things VALUES (?, ?)", rows)
    wrong = NOON + 60 * DAY
    connection.execute("INSERT INTO things VALUES ('new', ?)", (micros_from(wrong),))
    cleanup = ExpiredRowCleanup("things", 30 * DAY)

    for _ in range(WRITES_PER_CLEANUP + 1):
        cleanup(connection, wrong)

    assert [name for (name,) in connection.execute("SELECT name FROM things")] == ["t20", "t1", "new"]
