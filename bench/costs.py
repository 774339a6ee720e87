"""What processes cost: CPU time for one message, and memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

_PEAK, _FILES = "VmHWM:", "RssFile:"


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one process: CPU microseconds per message, and resident megabytes.

    `rss_mb` is what it held at the end, `peak_mb` the most that it has held since it started. `file_mb` of what it held
    at the end are pages of files, which other processes may share, and which the system takes back when it needs to.
    """

    name: str
    cpu_us: float
    rss_mb: float
    peak_mb: float
    file_mb: float = 0.0


class Meter:
    """Reads the CPU time of processes, by name, from when it is made."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._before = {name: _cpu(process) for name, process in self._processes.items()}

    def costs(self, messages: int) -> list[Cost]:
        """The cost of each process since the meter was made, for one of `messages` messages."""
        return [
            Cost(
                name,
                (_cpu(each) - self._before[name]) * 1e6 / max(messages, 1),
                _rss_mb(each),
                _mb(each, _PEAK) or _rss_mb(each),
                _mb(each, _FILES),
            )
            for name, each in self._processes.items()
        ]


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _rss_mb(process: psutil.Process) -> float:
    return process.memory_info().rss / 1e6


def _mb(process: psutil.Process, name: str) -> float:
    """A figure that Linux keeps about a process; 0 on other systems."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return 0.0
    line = next(line for line in status.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024 / 1e6
