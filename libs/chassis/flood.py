"""What becomes of the twenty-first failure in a minute: it is counted, not recorded one by one.

Time comes in as seconds of any clock that only moves forward; memory is bounded whatever arrives.
"""

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

SINGLY: Final = 20  # DESIGN §2: after 20 a minute they are counted, by reason
MINUTE: Final = 60.0
MOST_SOURCES: Final = 2_000  # about 1 MB; beyond it all newcomers share one source

S = TypeVar("S", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Summary(Generic[S]):
    """Failures of one minute that were counted only; `source` None gathers those beyond the bound."""

    source: S | None
    counts: dict[str, int]


@dataclass(slots=True)
class _Minute:
    started: float
    singly: int = 0
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class FloodGate(Generic[S]):
    """Decides for each failure whether it is recorded by itself, and hands out the summaries of the rest."""

    singly: int = SINGLY
    most_sources: int = MOST_SOURCES
    _minutes: dict[S | None, _Minute] = field(default_factory=dict)
    _done: list[Summary[S]] = field(default_factory=list)

    def admits(self, source: S, reason: str, *, at: float) -> bool:
        """True when this failure is to be recorded by itself; otherwise it is in a summary to come."""
        key: S | None = source
        if source not in self._minutes and len(self._minutes) >= self.most_sources:
            key = None
        minute = self._minutes.get(key)
        if minute is None or at - minute.started >= MINUTE:
            self._summarise(key)
            minute = self._minutes[key] = _Minute(at)
        if minute.singly < self.singly:
            minute.singly += 1
            return True
        minute.counts[reason] += 1
        return False

    def summaries(self, *, at: float, final: bool = False) -> list[Summary[S]]:
        """Hand out, once, what was counted in minutes that are over; `final` closes running ones too."""
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
