"""When a verification of the record is due; pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class Schedule(Protocol):
    """Decides whether a verification is due."""

    def is_due(self, last: datetime | None, now: datetime) -> bool:
        """True when it is due at `now`; `last` is the end of the last one, None when there was none."""
        ...


@dataclass(frozen=True, slots=True)
class Interval:
    """Due `seconds` after the last one. A last one in the future is due too: a clock went back."""

    seconds: float

    def is_due(self, last: datetime | None, now: datetime) -> bool:
        """As `Schedule.is_due`."""
        return last is None or not 0 <= (now - last).total_seconds() < self.seconds


@dataclass(frozen=True, slots=True)
class Slots:
    """Due once in each slot of `seconds`; slots begin at `hour` (UTC). With a day's seconds: daily at that hour."""

    seconds: float
    hour: int

    def is_due(self, last: datetime | None, now: datetime) -> bool:
        """As `Schedule.is_due`."""
        return last is None or self._slot(last) != self._slot(now)

    def _slot(self, at: datetime) -> int:
        return int((at.timestamp() - self.hour * 3600) // self.seconds)
