"""What processes cost: CPU time for one message, and memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

_PEAK = "VmHWM:"


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one process: CPU microseconds per message, and resident megabytes.

    `rss_mb` is what it held at the end, `peak_mb` the most that it has held since it started.
    """

    name: str
    cpu_us: float
    rss_mb: float
    peak_mb: float


class Meter:
    """Reads the CPU time of processes, by name, from when it is made."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._before = {name: _cpu(process) for name, process in self._processes.items()}

    def costs(self, messages: int) -> list[Cost]:
        """The cost of each process since the meter was made, for one of `messages` messages."""
        return [
            Cost(name, (_cpu(each) - self._before[name]) * 1e6 / max(messages, 1), _rss_mb(each), _peak_mb(each))
            for name, each in self._processes.items()
        ]


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _rss_mb(process: psutil.Process) -> float:
    return process.memory_info().rss / 1e6


def _peak_mb(process: psutil.Process) -> float:
    """The high water mark of resident memory, which Linux keeps; elsewhere what is resident now."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return _rss_mb(process)
    line = next(line for line in status.read_text().splitlines() if line.startswith(_PEAK))
    return int(line.split()[1]) * 1024 / 1e6
