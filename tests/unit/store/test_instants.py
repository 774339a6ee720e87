"""Times as the store keeps them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.store.instants import instant_from, micros_from, optional_instant_from


@given(at=st.datetimes(timezones=st.just(UTC)))
def test_a_time_is_kept_exactly(at: datetime) -> None:
    assert instant_from(micros_from(at)) == at


def test_a_time_is_the_same_in_every_zone_and_before_1970() -> None:
    noon = datetime(1969, 12, 31, 12, 0, 0, 1, tzinfo=UTC)

    assert micros_from(noon.astimezone(timezone(timedelta(hours=3)))) == micros_from(noon) == -43_199_999_999
    assert optional_instant_from(None) is None
    assert optional_instant_from(-43_199_999_999) == noon


@pytest.mark.parametrize("hours", [-14, 14])
@pytest.mark.parametrize("limit", ["0001-01-01T00:00:00", "9999-12-31T23:59:59"])
def test_the_ends_of_time_are_readable_whatever_their_offset(limit: str, hours: int) -> None:
    at = datetime.fromisoformat(f"{limit}{hours:+03d}:00")

    assert abs(instant_from(micros_from(at)) - datetime.fromisoformat(f"{limit}+00:00")) <= timedelta(hours=14)
