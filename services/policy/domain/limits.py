"""Quotas and burst limits: how much an account may send, and when its counts restart."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from libs.store.accounts import Account
from libs.store.decisions import TEN_MINUTES, Budget, Usage
from libs.store.plans import daily_limit, monthly_limit

BURST_FLOOR = 100
"""Messages in ten minutes that are never a burst: a starter plan's day."""
BURST_OF_A_DAY = 4
"""A quarter of the daily limit within ten minutes is never a burst."""
BURST_FACTOR = 6.0
"""How many times its normal ten-minute count an account may send."""


@dataclass(frozen=True, slots=True)
class Period:
    """An account's current day and month in its own time zone, and when they end (UTC)."""

    day: str
    month: str
    day_ends: datetime
    month_ends: datetime


def period_of(account: Account, now: datetime) -> Period:
    """The account's day and month at `now`.

    A day ends at the next local midnight; where daylight saving skips or repeats midnight, at its first occurrence.
    """
    return _period_at(account.timezone, now.replace(second=0, microsecond=0))


@lru_cache(64)
def _period_at(timezone: str, minute: datetime) -> Period:
    """The period in a time zone, remembered: offsets from UTC are whole minutes, so no day ends within one."""
    zone = ZoneInfo(timezone)
    local = minute.astimezone(zone)
    tomorrow = local.date() + timedelta(days=1)
    next_month = (local.date().replace(day=28) + timedelta(days=4)).replace(day=1)
    return Period(
        day=local.date().isoformat(),
        month=f"{local.year:04d}-{local.month:02d}",
        day_ends=datetime.combine(tomorrow, time(), zone).astimezone(UTC),
        month_ends=datetime.combine(next_month, time(), zone).astimezone(UTC),
    )


def budget_of(account: Account, period: Period) -> Budget:
    """The budget that an approval in this period uses."""
    return Budget(
        account_id=account.id,
        day=period.day,
        month=period.month,
        daily_limit=daily_limit(account),
        monthly_limit=monthly_limit(account),
    )


def burst_limit(account: Account, usage: Usage) -> int:
    """Messages that the account may send within ten minutes; more are a burst."""
    return max(BURST_FLOOR, daily_limit(account) // BURST_OF_A_DAY, math.ceil(usage.normal * BURST_FACTOR))


def burst_ends_in(now: datetime) -> int:
    """Seconds until the current ten minutes end, at least 1."""
    return max(1, math.ceil(TEN_MINUTES - now.timestamp() % TEN_MINUTES))
