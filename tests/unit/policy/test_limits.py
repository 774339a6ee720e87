from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.store.accounts import Plan
from libs.store.decisions import Usage
from libs.store.plans import daily_limit, monthly_limit
from services.policy.domain.limits import burst_ends_in, burst_limit, period_of
from tests.builders import NOON, an_account

ZONES = ["UTC", "Asia/Riyadh", "America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati", "America/Sao_Paulo"]


@pytest.mark.parametrize(
    ("zone", "now", "day", "ends"),
    [
        pytest.param("UTC", "2026-11-23T23:59:59", "2026-11-23", "2026-11-24T00:00:00", id="a day of UTC"),
        pytest.param("Asia/Riyadh", "2026-11-23T21:00:00", "2026-11-24", "2026-11-24T21:00:00", id="Riyadh is ahead"),
        pytest.param("America/New_York", "2026-11-23T04:59:00", "2026-11-22", "2026-11-23T05:00:00", id="New York"),
        pytest.param("Europe/Berlin", "2026-03-28T23:30:00", "2026-03-29", "2026-03-29T22:00:00", id="a 23-hour day"),
        pytest.param("Europe/Berlin", "2026-10-24T22:30:00", "2026-10-25", "2026-10-25T23:00:00", id="a 25-hour day"),
        pytest.param("UTC", "2028-02-29T12:00:00", "2028-02-29", "2028-03-01T00:00:00", id="a leap day"),
    ],
)
def test_a_day_is_the_accounts_own(zone: str, now: str, day: str, ends: str) -> None:
    period = period_of(an_account(timezone=zone), datetime.fromisoformat(now).replace(tzinfo=UTC))

    assert period.day == day
    assert period.day_ends == datetime.fromisoformat(ends).replace(tzinfo=UTC)


def test_a_day_ends_with_its_last_microsecond() -> None:
    account, midnight = an_account(timezone="Asia/Kathmandu"), datetime(2026, 11, 23, 18, 15, tzinfo=UTC)

    before, after = period_of(account, midnight - timedelta(microseconds=1)), period_of(account, midnight)

    assert (before.day, after.day) == ("2026-11-23", "2026-11-24")
    assert period_of(account, midnight + timedelta(seconds=59)) is after  # made once a minute


def test_a_month_ends_where_the_next_begins() -> None:
    period = period_of(an_account(timezone="Asia/Riyadh"), datetime(2026, 12, 31, 20, 59, tzinfo=UTC))

    assert period.month == "2026-12"
    assert period.month_ends == datetime(2026, 12, 31, 21, tzinfo=UTC)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)), st.sampled_from(ZONES))  # noqa: DTZ001 -- made aware below
def test_now_lies_within_its_day_and_month(moment: datetime, zone: str) -> None:
    now = moment.replace(tzinfo=UTC)
    period = period_of(an_account(timezone=zone), now)

    assert now < period.day_ends <= now + timedelta(hours=26)
    assert period.day_ends <= period.month_ends
    assert now.astimezone(ZoneInfo(zone)).date().isoformat() == period.day


@pytest.mark.parametrize(
    ("plan", "day", "month"),
    [(Plan.STARTER, 100, 2_000), (Plan.GROWTH, 500, 10_000), (Plan.SCALE, 1_500, 30_000)],
)
def test_plans_have_their_limits(plan: Plan, day: int, month: int) -> None:
    account = an_account(plan=plan)

    assert (daily_limit(account), monthly_limit(account)) == (day, month)


@pytest.mark.parametrize(
    ("limit", "day", "month"),
    [
        pytest.param(5_000, 5_000, 100_000, id="a reviewed higher limit raises the month with it"),
        pytest.param(10, 10, 10_000, id="a lower one holds for the day alone"),
    ],
)
def test_an_operators_limit_holds(limit: int, day: int, month: int) -> None:
    account = an_account(plan=Plan.GROWTH, daily_limit=limit)

    assert (daily_limit(account), monthly_limit(account)) == (day, month)


@given(st.floats(min_value=0, max_value=1e6))
def test_who_sends_more_may_burst_more(normal: float) -> None:
    account = an_account()

    assert burst_limit(account, Usage(normal=normal)) <= burst_limit(account, Usage(normal=normal + 1))
    assert burst_limit(account, Usage(normal=normal)) >= 100


def test_a_burst_ends_with_the_ten_minutes() -> None:
    assert burst_ends_in(NOON + timedelta(seconds=1)) == 599
    assert burst_ends_in(NOON + timedelta(seconds=599.5)) == 1
