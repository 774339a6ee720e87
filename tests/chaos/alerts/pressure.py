"""`Moment`: a time, and how long processes had waited for a CPU until then.

On a machine that other work keeps busy, a rule is evaluated and a scrape answered later than on a quiet one, which says
nothing about the rule. So a scaled run does not count the time in which somebody waited for a CPU.
"""

import time
from dataclasses import dataclass
from pathlib import Path

PRESSURE = Path("/proc/pressure/cpu")
"""`some … total=N`: microseconds in which at least one process waited (https://docs.kernel.org/accounting/psi.html)."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A point of time, in seconds."""

    at: float
    stalled: float
    """Seconds until then in which a process waited for a CPU; 0 where the kernel does not tell."""

    @classmethod
    def now(cls) -> "Moment":
        """This moment."""
        return cls(time.monotonic(), stalled_seconds(PRESSURE))

    def since(self, began: "Moment") -> float:
        """Seconds between two moments."""
        return self.at - began.at

    def stalled_since(self, began: "Moment") -> float:
        """The seconds between two moments in which a process waited for a CPU."""
        return min(max(0.0, self.stalled - began.stalled), self.since(began))


def stalled_seconds(file: Path) -> float:
    """The total of a pressure file, in seconds; 0 where there is none, which leaves the limits as they are."""
    try:
        some = file.read_text("utf-8").splitlines()[0]
    except (OSError, IndexError):
        return 0.0
    return int(some.rpartition("total=")[2]) / 1e6
