"""Limits of CPU time that hold on a slow machine too: what a fixed piece of work takes there tells how slow it is.

A machine that is shared may give a thread a fraction of its speed for a while, and count it as the thread's own time.
"""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

FIXED_WORK_SECONDS: Final = 0.006
"""CPU seconds of `fixed_work` on the machine for which the limits are written: two quiet cores."""


class Slowness:
    """How much slower the machine was than the one for which limits are written; 1.0 at least."""

    def __init__(self) -> None:
        self._measured = [_fixed_work_seconds()]

    def scaled(self, seconds: float) -> float:
        """A limit of CPU time, made longer by the slowest moment before and after what it is for."""
        self._measured.append(_fixed_work_seconds())
        return seconds * max(1.0, max(self._measured) / FIXED_WORK_SECONDS)


@contextmanager
def a_small_heap() -> Iterator[Slowness]:
    """A service's heap has no tests in it: what earlier ones left takes no time of a collection here."""
    slowness = Slowness()
    gc.collect()
    gc.freeze()  # for the rest of the run: `unfreeze` would also undo what tests/conftest.py does
    yield slowness


def _fixed_work_seconds() -> float:
    started = time.thread_time()
    fixed_work()
    return time.thread_time() - started


def fixed_work() -> int:
    """Texts, numbers and a dictionary, as handlers use them."""
    counted: dict[str, int] = {}
    for number in range(20_000):
        key = f"{number % 97}-{number % 89}"
        counted[key] = counted.get(key, 0) + len(key)
    return sum(counted.values())
