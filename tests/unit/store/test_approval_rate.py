"""The approval rate of an account: messages per ten-minute slot, and their moving average."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.store.approval_rate import WEIGHT, ApprovalRate, rate_after_approval, rate_in_slot, slot_from


def test_a_slot_is_ten_minutes_of_the_clock() -> None:
    at = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)

    assert slot_from(at) == slot_from(at.replace(minute=9, second=59))
    assert slot_from(at.replace(minute=10)) == slot_from(at) + 1


@pytest.mark.parametrize(
    ("rate", "slot", "after"),
    [
        pytest.param(ApprovalRate(5, 3, 10.0), 5, ApprovalRate(5, 3, 10.0), id="the same slot"),
        pytest.param(ApprovalRate(5, 3, 10.0), 4, ApprovalRate(5, 3, 10.0), id="a clock that lags"),
        pytest.param(ApprovalRate(7, 20, 10.0), 5, ApprovalRate(5, 0, 12.0), id="a clock that was set back"),
        pytest.param(ApprovalRate(5, 20, 10.0), 6, ApprovalRate(6, 0, 12.0), id="a closed slot moves the average"),
        pytest.param(ApprovalRate(5, 20, 10.0), 900, ApprovalRate(900, 0, 12.0), id="empty slots do not move it"),
        pytest.param(ApprovalRate(5, 0, 10.0), 6, ApprovalRate(6, 0, 10.0), id="a slot without approvals"),
    ],
)
def test_an_older_count_becomes_part_of_the_average(rate: ApprovalRate, slot: int, after: ApprovalRate) -> None:
    assert rate_in_slot(rate, slot) == after


@given(slots=st.lists(st.integers(min_value=0, max_value=5), max_size=40))
def test_no_approval_is_lost_whatever_the_clocks_say(slots: list[int]) -> None:
    rate, approvals = ApprovalRate(), 0
    for slot in slots:
        before = rate
        rate = rate_after_approval(rate, slot, newest=5)  # the clock is ahead of delayed events
        approvals = approvals + 1 if rate.slot == before.slot else 1
        assert rate.count == approvals
        assert rate.slot >= before.slot
    assert 0 <= rate.normal <= len(slots)


def test_a_steady_rate_becomes_the_normal_one() -> None:
    rate = ApprovalRate()
    for slot in range(1, 60):
        for _ in range(10):
            rate = rate_after_approval(rate, slot)

    assert rate.normal == pytest.approx(10.0, rel=(1 - WEIGHT) ** 20)
