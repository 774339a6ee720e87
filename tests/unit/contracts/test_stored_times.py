"""Stored times that the clock contradicts."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.stored_times import TOLERANCE, brought_back, brought_back_s, is_from_the_future, latest_beginning

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CHANGES = st.timedeltas(min_value=timedelta(days=-400), max_value=timedelta(days=400))
SPANS = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=30))


@pytest.mark.parametrize(
    ("end", "found"),
    [
        pytest.param(NOW - MINUTE, NOW - MINUTE, id="over"),
        pytest.param(NOW + MINUTE, NOW + MINUTE, id="just begun"),
        pytest.param(NOW + MINUTE + TOLERANCE, NOW + MINUTE + TOLERANCE, id="of a machine whose clock is ahead"),
        pytest.param(NOW + MINUTE + TOLERANCE * 1.1, NOW, id="further away than it can be"),
        pytest.param(NOW + timedelta(hours=1), NOW, id="from before the clock was set back"),
    ],
)
def test_an_end_beyond_the_span_is_brought_back_to_now(end: datetime, found: datetime) -> None:
    assert brought_back(end, NOW, MINUTE) == found
    assert brought_back_s(end.timestamp(), NOW.timestamp(), MINUTE.total_seconds()) == found.timestamp()


@given(span=SPANS, passed=SPANS, change=CHANGES)
def test_nobody_waits_longer_than_the_span_whatever_the_clock_does(
    span: timedelta, passed: timedelta, change: timedelta
) -> None:
    end, now = NOW + span, NOW + passed + change

    assert brought_back(end, now, span) - now <= span + TOLERANCE


@given(span=SPANS, passed=SPANS)
def test_a_steady_clock_changes_nothing(span: timedelta, passed: timedelta) -> None:
    assert brought_back(NOW + span, NOW + passed, span) == NOW + span
    assert not is_from_the_future(NOW, NOW + passed)


def test_a_beginning_in_the_future_shows_that_the_clock_was_set_back() -> None:
    assert is_from_the_future(NOW, NOW - timedelta(hours=1))
    assert not is_from_the_future(NOW, NOW - TOLERANCE)
    assert latest_beginning(NOW) == NOW + TOLERANCE
