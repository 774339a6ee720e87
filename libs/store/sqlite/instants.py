"""Times as SQLite keeps them: whole microseconds since 1970, exact both ways."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros_from(at: datetime) -> int:
    """The microseconds since 1970 of an aware time."""
    return (at - _EPOCH) // _MICROSECOND


def instant_from(micros: int) -> datetime:
    """The time (UTC) of these microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=micros)
