"""What processes cost: CPU time for one message, and memory."""

from collections.abc import Mapping
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one process: CPU microseconds per message, and resident megabytes at the end."""

    name: str
    cpu_us: float
    rss_mb: float


class Meter:
    """Reads the CPU time of processes, by name, from when it is made."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._before = {name: _cpu(process) for name, process in self._processes.items()}

    def costs(self, messages: int) -> list[Cost]:
        """The cost of each process since the meter was made, for one of `messages` messages."""
        return [
            Cost(name, (_cpu(each) - self._before[name]) * 1e6 / messages, each.memory_info().rss / 1e6)
            for name, each in self._processes.items()
        ]


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
