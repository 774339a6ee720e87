"""`CallWindow`: at most so many calls of each key in any minute, counted in this process."""

from collections import deque
from dataclasses import dataclass, field

WINDOW_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class CallWindow:
    """Counts the calls of each key. A call counts for 60 s from its own time, so no minute has more than `limit`.

    `now` is a monotonic clock's: a wall clock that is set back would keep everybody out (`limits` believes it).
    """

    limit: int
    _calls: dict[str, deque[float]] = field(default_factory=dict)

    def wait(self, key: str, now: float) -> float:
        """Seconds until the key may call again; 0 when it may now."""
        calls = self._recent(key, now)
        return 0.0 if len(calls) < self.limit else calls[0] + WINDOW_SECONDS - now

    def count(self, key: str, now: float) -> None:
        """Count one call of the key, and forget the keys without a recent one."""
        for idle in [known for known, calls in self._calls.items() if calls[-1] <= now - WINDOW_SECONDS]:
            del self._calls[idle]
        self._calls.setdefault(key, deque()).append(now)

    def uncount(self, key: str) -> None:
        """Take back the latest call of the key, if there is one."""
        calls = self._calls.get(key)
        if calls:
            calls.pop()
        if not calls:
            self._calls.pop(key, None)

    def _recent(self, key: str, now: float) -> deque[float]:
        calls = self._calls.get(key, deque())
        while calls and calls[0] <= now - WINDOW_SECONDS:
            calls.popleft()
        if not calls:
            self._calls.pop(key, None)
        return calls
