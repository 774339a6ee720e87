"""Times as the store keeps them."""

from datetime import UTC, datetime, timedelta, timezone

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
