"""Times as the store keeps them: whole microseconds since 1970, exact in both directions."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros_from(at: datetime) -> int:
    """The microseconds since 1970 of an aware time."""
    return (at - _EPOCH) // _MICROSECOND


def instant_from(micros: int) -> datetime:
    """The time (UTC) of these microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=micros)


def optional_instant_from(micros: int | None) -> datetime | None:
    """As `instant_from`; None for None."""
    return None if micros is None else instant_from(micros)
