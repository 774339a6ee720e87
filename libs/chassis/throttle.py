"""`AggregatingThrottle`: records the first failures of a source in a minute one by one, and counts the rest.

`MinuteBudget` only limits how many there are. Times are seconds of a monotonic clock. Memory is bounded.
"""

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

INDIVIDUAL_LIMIT: Final = 20  # failures of one source in a minute; the rest are counted by reason
MINUTE: Final = 60.0
MAX_SOURCES: Final = 2_000  # about 1 MB; further sources share one counter

S = TypeVar("S", bound=Hashable)


@dataclass(slots=True)
class MinuteBudget(Generic[S]):
    """What each source may spend in a minute of the clock; the sources beyond `max_sources` share one budget."""

    limit: int
    max_sources: int = MAX_SOURCES
    _minute: float = -1.0
    _spent: Counter[S | None] = field(default_factory=Counter)

    def admits(self, source: S, *, at: float) -> bool:
        """Spend one. False, and nothing is spent, when the minute's budget is used up."""
        if at // MINUTE != self._minute:
            self._minute = at // MINUTE
            self._spent.clear()
        key: S | None = source
        if source not in self._spent and len(self._spent) >= self.max_sources:
            key = None
        if self._spent[key] >= self.limit:
            return False
        self._spent[key] += 1
        return True


@dataclass(frozen=True, slots=True)
class Summary(Generic[S]):
    """The counted failures of one source and minute; `source` is None for the sources beyond the bound."""

    source: S | None
    counts: dict[str, int]


@dataclass(slots=True)
class _Minute:
    started: float
    recorded: int = 0
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class AggregatingThrottle(Generic[S]):
    """Decides for each failure whether to record it, and returns summaries of the others."""

    individual_limit: int = INDIVIDUAL_LIMIT
    max_sources: int = MAX_SOURCES
    _minutes: dict[S | None, _Minute] = field(default_factory=dict)
    _done: list[Summary[S]] = field(default_factory=list)

    def admits(self, source: S, reason: str, *, at: float) -> bool:
        """True when this failure is to be recorded; otherwise a later summary counts it."""
        key: S | None = source
        if source not in self._minutes and len(self._minutes) >= self.max_sources:
            key = None
        minute = self._minutes.get(key)
        if minute is None or at - minute.started >= MINUTE:
            self._summarise(key)
            minute = self._minutes[key] = _Minute(at)
        if minute.recorded < self.individual_limit:
            minute.recorded += 1
            return True
        minute.counts[reason] += 1
        return False

    def summaries(self, *, at: float, final: bool = False) -> list[Summary[S]]:
        """The summaries of minutes that are over, each returned once; `final` ends the running minutes too."""
        self._close(at, final=final)
        done, self._done = self._done, []
        return done

    def _close(self, at: float, *, final: bool = False) -> None:
        over = [key for key, minute in self._minutes.items() if final or at - minute.started >= MINUTE]
        for key in over:
            self._summarise(key)

    def _summarise(self, key: S | None) -> None:
        minute = self._minutes.pop(key, None)
        if minute is not None and minute.counts:
            self._done.append(Summary(key, dict(minute.counts)))
