"""`RepeatedReads`: equal reads of one token within a minute are one record with their number (docs/decisions/0071).

The rule: the first of a series is recorded at once, so a count never stands for data whose reading left no record.
Memory is bounded: beyond the bound, each read is recorded by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from libs.contracts.events import DataRead

MINUTE: Final = 60.0
MOST_KEPT: Final = 2_000
"""Series of one process, about 1 MB."""


@dataclass(slots=True)
class _Series:
    """Reads that were equal to a recorded one, since `started` (seconds of a monotonic clock)."""

    event: DataRead
    started: float
    count: int = 0
    items: int | None = None


@dataclass(slots=True)
class RepeatedReads:
    """Decides for each read whether to record it, and returns records of the others."""

    most_kept: int = MOST_KEPT
    _series: dict[bytes, _Series] = field(default_factory=dict)

    def admits(self, key: bytes, event: DataRead, *, at: float) -> bool:
        """True when this read is to be recorded; otherwise a later record counts it.

        Reads with the same `key` are of one token, and ask for the same with the same values.
        """
        series = self._series.get(key)
        if series is None:
            if len(self._series) < self.most_kept:
                self._series[key] = _Series(event, at)
            return True
        series.count += 1
        series.items = event.items if series.items is None else max(series.items, event.items or 0)
        return False

    def summaries(self, *, at: float, final: bool = False) -> Sequence[DataRead]:
        """The records of minutes that are over; `final` ends the running ones. A minute without reads ends a series.

        All of them at once: what is read while they are written counts for the next minute.
        """
        over = [(key, each) for key, each in self._series.items() if final or at - each.started >= MINUTE]
        for key, series in over:
            if series.count:
                self._series[key] = _Series(series.event, at)
            else:
                del self._series[key]
        return [
            series.event.model_copy(update={"count": series.count, "items": series.items})
            for _, series in over
            if series.count
        ]
