"""The pace of numbers and pairs, with time passed in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.send_rates import (
    PAIR_BURST,
    PAIR_PER_SECOND,
    SLOWEST,
    bucket_key,
    next_slot,
    number_burst,
    recovered_factor,
    slowed_factor,
)


def departures(arrivals: list[float], *, rate: float, burst: int) -> list[float]:
    tat, left = 0.0, []
    for now in arrivals:
        slot = next_slot(tat, now, rate_per_s=rate, burst=burst)
        tat = slot.tat
        left.append(now + slot.wait_s)
    return left


def test_a_pair_sends_ten_at_once_and_then_one_in_six_seconds() -> None:
    left = departures([1000.0] * 13, rate=PAIR_PER_SECOND, burst=PAIR_BURST)

    assert left == pytest.approx([1000.0] * 10 + [1006.0, 1012.0, 1018.0])


def test_a_pair_that_rested_a_minute_has_its_whole_burst_again() -> None:
    left = departures([1000.0] * 10 + [1060.0] * 11, rate=PAIR_PER_SECOND, burst=PAIR_BURST)

    assert left[10:] == pytest.approx([1060.0] * 10 + [1066.0])


def test_a_message_that_will_not_wait_uses_nothing_up() -> None:
    full = next_slot(0.0, 0.0, rate_per_s=1.0, burst=1).tat

    asked = [next_slot(full, 0.5, rate_per_s=1.0, burst=1).wait_s for _ in range(3)]

    assert asked == [0.5, 0.5, 0.5]


@given(
    arrivals=st.lists(st.floats(0, 20), min_size=1, max_size=60).map(sorted),
    rate=st.floats(0.2, 100),
    burst=st.integers(1, 20),
)
def test_no_span_of_time_holds_more_than_burst_and_rate_allow(arrivals: list[float], rate: float, burst: int) -> None:
    left = departures(arrivals, rate=rate, burst=burst)

    for i, start in enumerate(left):
        for j in range(i, len(left)):
            assert j - i + 1 <= burst + rate * (left[j] - start) + 1e-6


@given(tat=st.floats(0, 1e10), now=st.floats(0, 1e10), rate=st.floats(0.01, 1000), burst=st.integers(1, 100))
def test_a_wait_is_never_negative_and_the_state_never_goes_back(
    tat: float, now: float, rate: float, burst: int
) -> None:
    slot = next_slot(tat, now, rate_per_s=rate, burst=burst)

    assert slot.wait_s >= 0
    assert slot.tat >= max(tat, now)


@pytest.mark.parametrize(("rate", "burst"), [(80.0, 8), (1000.0, 100), (20.0, 2), (1.0, 1), (0.5, 1)])
def test_a_number_bursts_a_tenth_of_a_second(rate: float, burst: int) -> None:
    assert number_burst(rate) == burst


def test_a_number_that_is_throttled_again_and_again_keeps_a_sixteenth_of_its_rate() -> None:
    factor = 1.0

    for _ in range(20):
        factor = slowed_factor(factor, 0.5)

    assert factor == SLOWEST


@pytest.mark.parametrize(
    ("elapsed_s", "factor"),
    [
        pytest.param(0.0, 0.5, id="nothing at once"),
        pytest.param(60.0, 0.6, id="a tenth after a minute"),
        pytest.param(300.0, 1.0, id="all after five"),
        pytest.param(1e9, 1.0, id="never more than all"),
        pytest.param(-5.0, 0.5, id="nothing lost to a clock that went back"),
    ],
)
def test_a_halved_number_recovers_a_tenth_a_minute(elapsed_s: float, factor: float) -> None:
    assert recovered_factor(0.5, elapsed_s) == pytest.approx(factor)


def test_each_scope_has_its_own_bucket() -> None:
    keys = {
        scope: bucket_key(scope, number_id="n", customer_key="c", business_account_id="w")
        for scope in ("number", "pair", "waba", "app")
    }

    assert keys == {"number": "n", "pair": "n:c", "waba": "w", "app": "app"}


def test_the_bucket_of_an_unknown_business_account_is_the_numbers_own() -> None:
    assert bucket_key("waba", number_id="n", customer_key="c", business_account_id=None) == "n"
