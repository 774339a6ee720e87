"""An integration's business hours. Invalid stored hours count as open, so a call is missed and never after hours."""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def is_open(hours: Mapping[str, object], now: datetime) -> bool:
    """True within an interval of the day, in the zone of `hours`; False on holidays and on days without intervals."""
    zone, weekly, holidays = hours.get("zone"), hours.get("weekly"), hours.get("holidays")
    if not isinstance(zone, str) or not isinstance(weekly, Mapping):
        return True
    try:
        local = now.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return True
    if isinstance(holidays, list | tuple) and local.date().isoformat() in holidays:
        return False
    intervals = weekly.get(DAYS[local.weekday()])
    if not isinstance(intervals, list | tuple):
        return False
    return any(_within(interval, f"{local:%H:%M}") for interval in intervals)


def _within(interval: object, clock: str) -> bool:
    """Compare `HH:MM` texts; the end is exclusive, and `24:00` is after every time."""
    if not isinstance(interval, Mapping):
        return False
    return str(interval.get("opens", "")) <= clock < str(interval.get("closes", ""))
