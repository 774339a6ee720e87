"""`LoopTime`: awaits a handler and measures for how long it held the event loop between two waits.

It counts CPU time of the thread, so that a busy machine does not show as a slow handler. The kernel knows it, and to
ask costs ten times a look at the clock: a step that was over within `PRECISION` by the clock does without.
"""

import time
from collections.abc import Awaitable, Generator
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")
PRECISION: Final = 0.0005
"""Seconds by which a step may seem longer than it was."""


class ThreadClock:
    """What the thread that measures has used of its CPU; for one thread alone."""

    def __init__(self) -> None:
        self._at = float("-inf")
        self._used = 0.0

    def begin(self) -> float:
        """The time at which a step begins, by the clock."""
        now = time.perf_counter()
        if now - self._at > PRECISION:
            self._at, self._used = now, time.thread_time()
        return now

    def since(self, begun: float) -> float:
        """Seconds of CPU since a step began: too many by `PRECISION` at most, and never more than by the clock."""
        passed = time.perf_counter() - begun
        return passed if passed <= PRECISION else min(passed, time.thread_time() - self._used)


class LoopTime(Generic[T]):
    """`await LoopTime(handling)` gives the result of `handling`; then `longest` has the longest step in seconds."""

    def __init__(self, handling: Awaitable[T], clock: ThreadClock | None = None) -> None:
        self._handling = handling
        self._clock = clock or ThreadClock()
        self.longest = 0.0

    def __await__(self) -> Generator[Any, Any, T]:
        steps, begin, since = self._handling.__await__(), self._clock.begin, self._clock.since
        step = steps.send
        value: Any = None
        while True:
            begun = begin()
            try:
                waits_for = step(value)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # the result
            finally:
                if (took := since(begun)) > self.longest:
                    self.longest = took
            try:
                value = yield waits_for
                step = steps.send
            except BaseException as thrown:  # noqa: BLE001 -- a cancellation is the handler's to handle
                value, step = thrown, steps.throw
