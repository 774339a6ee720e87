"""Times as the store keeps them: whole microseconds since 1970, exact in both directions."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros_from(at: datetime) -> int:
    """The microseconds since 1970 of an aware time."""
    return (at - _EPOCH) // _MICROSECOND


def instant_from(micros: int) -> datetime:
    """The time (UTC) of these microseconds since 1970; the first or last one that there is, beyond those.

    A time in the year 1 with an offset is earlier than the first one in UTC: no stored value makes a row unreadable.
    """
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return _FIRST if micros < 0 else _LAST


def optional_instant_from(micros: int | None) -> datetime | None:
    """As `instant_from`; None for None."""
    return None if micros is None else instant_from(micros)
