"""When a message that was surely not taken is offered again."""

from itertools import count, takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sender.domain.retry_delays import RetryLimits, retry_delay

LIMITS = RetryLimits(attempts=4, total_s=10.0, first_s=0.25, cap_s=2.0)


@pytest.mark.parametrize(
    ("attempt", "widest"),
    [(1, 0.25), (2, 0.5), (3, 1.0)],
)
def test_pauses_are_drawn_from_a_range_that_doubles(attempt: int, widest: float) -> None:
    drawn = [retry_delay(attempt, 0.0, limits=LIMITS, random=lambda c=c: c) for c in (0.0, 0.5, 1.0)]  # type: ignore[misc]  # the default binds c

    assert drawn == [0.0, widest / 2, widest]


def test_the_last_attempt_is_followed_by_none() -> None:
    assert retry_delay(4, 0.0, limits=LIMITS, random=lambda: 0.0) is None


def test_a_pause_that_ends_after_the_time_for_all_is_not_begun() -> None:
    assert retry_delay(1, 9.9, limits=LIMITS, random=lambda: 0.5) is None


@given(
    attempt=st.integers(1, 50),
    elapsed=st.floats(0, 100),
    retry_after=st.none() | st.floats(0, 100),
    chance=st.floats(0, 1, exclude_max=True),
)
def test_a_pause_never_undercuts_retry_after_and_never_outlasts_the_limit(
    attempt: int, elapsed: float, retry_after: float | None, chance: float
) -> None:
    limits = RetryLimits(attempts=40, total_s=60.0)

    pause = retry_delay(attempt, elapsed, limits=limits, random=lambda: chance, retry_after=retry_after)

    if pause is not None:
        assert pause >= (retry_after or 0.0)
        assert elapsed + pause <= limits.total_s
        assert pause - (retry_after or 0.0) <= limits.cap_s + 1e-9


@given(st.floats(0, 1, exclude_max=True))
def test_however_the_dice_fall_the_attempts_are_bounded(chance: float) -> None:
    going_on = takewhile(
        lambda attempt: retry_delay(attempt, 0.0, limits=LIMITS, random=lambda: chance) is not None, count(1)
    )

    assert len(list(going_on)) == LIMITS.attempts - 1
