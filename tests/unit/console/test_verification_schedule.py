"""When the record is verified: every some minutes, and nightly, also after a clock went back."""

from datetime import UTC, datetime, timedelta

import pytest

from services.console.domain.verification_schedule import Interval, Schedule, Slots

TWO = datetime(2026, 11, 24, 2, tzinfo=UTC)


def at(**later: float) -> datetime:
    return TWO + timedelta(**later)


@pytest.mark.parametrize(
    ("schedule", "last", "now", "due"),
    [
        pytest.param(Interval(300), None, at(), True, id="never done"),
        pytest.param(Interval(300), at(), at(seconds=299), False, id="done a moment ago"),
        pytest.param(Interval(300), at(), at(seconds=300), True, id="done five minutes ago"),
        pytest.param(Interval(300), at(), at(hours=-1), True, id="a clock that went back an hour"),
        pytest.param(Slots(86_400, 2), None, at(hours=5), True, id="never done, by day"),
        pytest.param(Slots(86_400, 2), at(hours=-1), at(seconds=-1), False, id="shortly before two at night"),
        pytest.param(Slots(86_400, 2), at(hours=-1), at(), True, id="two at night"),
        pytest.param(Slots(86_400, 2), at(hours=3), at(hours=23, minutes=59), False, id="done last night"),
        pytest.param(Slots(86_400, 2), at(hours=3), at(hours=24), True, id="the next night"),
        pytest.param(Slots(86_400, 2), at(days=3), at(), True, id="a clock that went back three days"),
        pytest.param(Slots(30, 2), at(seconds=1), at(seconds=29), False, id="short slots: the same one"),
        pytest.param(Slots(30, 2), at(seconds=29), at(seconds=31), True, id="short slots: the next one"),
    ],
)
def test_a_verification_is_due(schedule: Schedule, last: datetime | None, now: datetime, *, due: bool) -> None:
    assert schedule.is_due(last, now) is due
