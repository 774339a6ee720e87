"""`LoopTime`: awaits a handler and measures for how long it held the event loop between two waits.

It counts CPU time of the thread, so that a busy machine does not show as a slow handler. Two reads of the clock a step
cost about 1 µs; a handler has some twenty steps.
"""

import time
from collections.abc import Awaitable, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class LoopTime(Generic[T]):
    """`await LoopTime(handling)` gives the result of `handling`; then `longest` has the longest step in seconds."""

    def __init__(self, handling: Awaitable[T]) -> None:
        self._handling = handling
        self.longest = 0.0

    def __await__(self) -> Generator[Any, Any, T]:
        steps = self._handling.__await__()
        step = steps.send
        value: Any = None
        while True:
            started = time.thread_time()
            try:
                waits_for = step(value)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # the result
            finally:
                self.longest = max(self.longest, time.thread_time() - started)
            try:
                value = yield waits_for
                step = steps.send
            except BaseException as thrown:  # noqa: BLE001 -- a cancellation is the handler's to handle
                value, step = thrown, steps.throw
