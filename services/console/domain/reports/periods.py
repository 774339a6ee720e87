"""The half-open period of a report, and its days in the account's time zone."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from services.console.domain.fields import field_error
from services.console.domain.refusals import invalid
from services.console.domain.timestamps import timestamp_from

LONGEST_DAYS: Final = 400
"""More than a year; a longer period takes several requests."""
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Day:
    """A day in the account's time zone, or the part of it within the period."""

    date: date
    began: datetime
    """When the whole day began (UTC)."""
    from_: datetime
    to: datetime
    """The first instant after the day."""


@dataclass(frozen=True, slots=True)
class Period:
    """From `from_` (included) to `to` (excluded), in UTC; its days are those of `zone`."""

    from_: datetime
    to: datetime
    zone: ZoneInfo

    def days(self) -> Iterator[Day]:
        """The days in order, without days that the zone skipped (Samoa's 30 December 2011)."""
        day = self.from_.astimezone(self.zone).date()
        began = start_of(day, self.zone)
        while began < self.to:
            day_after = day + timedelta(days=1)
            ends = start_of(day_after, self.zone)
            if ends > began:
                yield Day(day, began, max(began, self.from_), min(ends, self.to))
            day, began = day_after, ends


def start_of(day: date, zone: ZoneInfo) -> datetime:
    """When a day begins (UTC); if daylight saving skips midnight, the time of that change."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def month_of(month: str, zone: ZoneInfo) -> Period:
    """The whole of a month such as `2026-11`."""
    first = date.fromisoformat(f"{month}-01")
    following = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
    return Period(start_of(first, zone), start_of(following, zone), zone)


def last_complete_month(now: datetime, zone: ZoneInfo) -> str:
    """The last month that has ended in the account's time zone, such as `2026-10`."""
    return f"{now.astimezone(zone).date().replace(day=1) - timedelta(days=1):%Y-%m}"


def period_from(from_: str, to: str, zone: ZoneInfo) -> Period:
    """The period between two query parameters: dates in the account's zone, or RFC 3339 times.

    Raises GatewayError(invalid_request).
    """
    began, ends = _edge("from", from_, zone), _edge("to", to, zone)
    if ends <= began:
        raise invalid("to", "must be after `from`: the period ends before it")
    if ends - began > timedelta(days=LONGEST_DAYS):
        raise invalid("to", f"is more than {LONGEST_DAYS} days after `from`; ask for the period in parts")
    return Period(began, ends, zone)


def _edge(field: str, text: str, zone: ZoneInfo) -> datetime:
    try:
        at = start_of(date.fromisoformat(text), zone) if _DATE.fullmatch(text) else timestamp_from(text)
    except (ValueError, OverflowError):
        at = None
    if at is None or not 1970 <= at.year < 9000:  # noqa: PLR2004 -- what stores and time zones support
        raise invalid(field, EDGE_PROBLEM)
    return at


EDGE_PROBLEM: Final = "must be a date in the account's time zone, such as 2026-11-01, or an RFC 3339 time"


def require_edge(value: object) -> object:
    """Refuse a text that is neither a date nor a time; `period_from` reads it in the account's zone."""
    if isinstance(value, str) and not (_DATE.fullmatch(value) or timestamp_from(value)):
        raise field_error(EDGE_PROBLEM)
    return value
