from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.errors import GatewayError, OperatorCode
from services.console.domain.reports.periods import last_complete_month, month_of, period_from

ZONES = ["UTC", "Asia/Riyadh", "Europe/Berlin", "America/New_York", "Asia/Beirut", "America/Havana", "Asia/Kathmandu"]


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        pytest.param("Europe/Berlin", "2025-03-30", 23, id="the clocks go forward"),
        pytest.param("Europe/Berlin", "2025-10-26", 25, id="the clocks go back"),
        pytest.param("America/New_York", "2025-11-02", 25, id="the clocks go back in New York"),
        pytest.param("Asia/Beirut", "2025-03-30", 23, id="midnight is left out"),
        pytest.param("America/Havana", "2025-11-02", 25, id="midnight comes twice"),
        pytest.param("Australia/Lord_Howe", "2025-04-06", 24.5, id="half an hour"),
        pytest.param("Asia/Riyadh", "2025-11-23", 24, id="no daylight saving"),
        pytest.param("UTC", "2024-02-29", 24, id="a leap day"),
    ],
)
def test_a_day_is_as_long_as_the_zone_says(zone: str, day: str, hours: float) -> None:
    after = (date.fromisoformat(day) + timedelta(days=1)).isoformat()

    [only] = period_from(day, after, ZoneInfo(zone)).days()

    assert only.date.isoformat() == day
    assert (only.to - only.from_) / timedelta(hours=1) == hours


@given(
    zone=st.sampled_from(ZONES),
    from_=st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 -- as hypothesis wants it
    length=st.timedeltas(timedelta(microseconds=1), timedelta(days=60)),
    part=st.floats(0, 1),
)
def test_days_cover_the_period_without_gaps_and_every_moment_is_in_its_local_day(
    zone: str, from_: datetime, length: timedelta, part: float
) -> None:
    period = period_from(from_.isoformat(), (from_ + length).isoformat(), ZoneInfo(zone))

    days = list(period.days())

    assert (days[0].from_, days[-1].to) == (period.from_, period.to)
    assert all(one.to == following.from_ for one, following in pairwise(days))
    moment = period.from_ + (period.to - period.from_) * part * 0.999
    [its] = [day for day in days if day.from_ <= moment < day.to]
    assert its.date == moment.astimezone(period.zone).date()
    assert its.began <= its.from_


def test_a_day_that_the_zone_left_out_is_no_day() -> None:
    days = period_from("2011-12-29", "2012-01-01", ZoneInfo("Pacific/Apia")).days()

    assert [day.date.isoformat() for day in days] == ["2011-12-29", "2011-12-31"]


@pytest.mark.parametrize(
    ("from_", "to", "field"),
    [
        pytest.param("2026-11-02", "2026-11-01", "to", id="it ends before it begins"),
        pytest.param("2026-11-01", "2026-11-01", "to", id="it is empty"),
        pytest.param("2025-01-01", "2026-11-01", "to", id="it is longer than a report may be"),
        pytest.param("2026-02-29", "2026-03-01", "from", id="a day that there is not"),
        pytest.param("0001-01-01", "0001-01-02", "from", id="before time"),
        pytest.param("9999-12-31", "9999-12-31", "from", id="after it"),
        pytest.param("2026-11-01", "2026-11-02T25:00:00Z", "to", id="an hour that there is not"),
        pytest.param("yesterday", "2026-11-02", "from", id="a word"),
    ],
)
def test_a_period_that_makes_no_sense_is_refused_by_field(from_: str, to: str, field: str) -> None:
    with pytest.raises(GatewayError) as raised:
        period_from(from_, to, ZoneInfo("Asia/Riyadh"))

    assert raised.value.code is OperatorCode.INVALID_REQUEST
    assert [error["field"] for error in raised.value.details["errors"]] == [field]


def test_dates_are_the_accounts_own_and_times_are_anybodys() -> None:
    zone = ZoneInfo("Asia/Riyadh")

    by_date = period_from("2026-11-01", "2026-12-01", zone)
    by_time = period_from("2026-10-31T21:00:00Z", "2026-11-30T22:00:00+01:00", zone)

    assert by_date == by_time


@pytest.mark.parametrize(
    ("now", "zone", "month", "days"),
    [
        pytest.param("2026-12-01T00:30:00+00:00", "UTC", "2026-11", 30, id="just over"),
        pytest.param("2026-12-01T00:30:00+00:00", "America/New_York", "2026-10", 31, id="not over there yet"),
        pytest.param("2028-03-01T00:00:00+00:00", "UTC", "2028-02", 29, id="a leap February"),
        pytest.param("2026-01-01T00:00:00+00:00", "UTC", "2025-12", 31, id="last year's"),
    ],
)
def test_the_month_before_is_the_last_that_is_over_for_the_account(now: str, zone: str, month: str, days: int) -> None:
    told = last_complete_month(datetime.fromisoformat(now), ZoneInfo(zone))

    assert told == month
    assert len(list(month_of(told, ZoneInfo(zone)).days())) == days
