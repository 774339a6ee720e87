"""A circuit breaker for one number: it stops calls that would fail, and lets exactly one probe find out when not.

Libraries let every waiting caller through when half-open; that stampede is what this one exists to prevent.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum, unique
from functools import partial


@unique
class Circuit(StrEnum):
    """Closed: calls pass. Open: none does. Half-open: one probe is under way or due."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerLimits:
    """When to open, and for how long.

    Opens when at least `rate` of the calls of the last `window_s` failed, given at least `calls` of them;
    stays open for `open_s`, doubled with every failed probe up to `longest_s`, and never shorter than a
    `Retry-After`.
    """

    rate: float = 0.5
    calls: int = 10
    window_s: float = 30.0
    open_s: float = 2.0
    longest_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one call; to be handed back with its result, whatever that is."""

    generation: int


_SEEN_AT_MOST = 1024
"""Results remembered per number, whatever the window: 80 calls a second for 13 s."""


class Breaker:
    """One number's circuit. Times are monotonic seconds, passed in; not for use by several threads."""

    def __init__(self, limits: BreakerLimits, changed: Callable[[Circuit], None] = lambda _: None) -> None:
        self.state = Circuit.CLOSED
        self._limits = limits
        self._changed = changed
        self._seen: deque[tuple[float, bool]] = deque(maxlen=_SEEN_AT_MOST)
        self._generation = 0
        self._failed_probes = 0
        self._opens_until = 0.0
        self._probing = False

    def admit(self, now: float) -> Permit | None:
        """Give leave to call, or None while the circuit is open or its one probe is under way."""
        if self.state is Circuit.OPEN and now >= self._opens_until:
            self._become(Circuit.HALF_OPEN)
        if self.state is Circuit.CLOSED:
            return Permit(self._generation)
        if self.state is Circuit.OPEN or self._probing:
            return None
        self._probing = True
        return Permit(self._generation)

    def would_admit(self, now: float) -> bool:
        """True when `admit` would give leave now; nothing changes."""
        if self.state is Circuit.OPEN:
            return now >= self._opens_until
        return self.state is Circuit.CLOSED or not self._probing

    def give_back(self, permit: Permit) -> None:
        """Hand a permit back unused: no call was made, so nothing was learnt, and another may probe."""
        if permit.generation == self._generation:
            self._probing = False

    def wait(self, now: float) -> float:
        """Seconds until asking again can make sense: 0 when closed, small while a probe is under way."""
        if self.state is Circuit.CLOSED:
            return 0.0
        return max(self._opens_until - now, self._limits.open_s if self._probing else 0.0)

    def record(self, permit: Permit, now: float, *, failed: bool, retry_after: float | None = None) -> None:
        """Hand a permit back, with `retry_after` in seconds if the provider asked for it.

        Results of calls that were admitted before the last change of state say nothing new, and are ignored.
        """
        if permit.generation != self._generation:
            return
        if self.state is Circuit.HALF_OPEN:
            self._probed(now, failed=failed, retry_after=retry_after)
            return
        self._seen.append((now, failed))
        if failed and self._too_many(now):
            self._open(now, retry_after)

    def _probed(self, now: float, *, failed: bool, retry_after: float | None) -> None:
        if failed:
            self._failed_probes += 1
            self._open(now, retry_after)
        else:
            self._failed_probes = 0
            self._become(Circuit.CLOSED)

    def _too_many(self, now: float) -> bool:
        while self._seen and self._seen[0][0] <= now - self._limits.window_s:
            self._seen.popleft()
        failures = sum(failed for _, failed in self._seen)
        return len(self._seen) >= self._limits.calls and failures >= self._limits.rate * len(self._seen)

    def _open(self, now: float, retry_after: float | None) -> None:
        ours = min(self._limits.longest_s, self._limits.open_s * 2.0 ** min(self._failed_probes, 32))
        self._opens_until = now + max(ours, retry_after or 0.0)
        self._become(Circuit.OPEN)

    def _become(self, state: Circuit) -> None:
        self.state = state
        self._generation += 1
        self._probing = False
        self._seen.clear()
        self._changed(state)


class Breakers:
    """One breaker per number, made when first asked for; numbers are few, so none is ever dropped."""

    def __init__(self, limits: BreakerLimits, changed: Callable[[Circuit], None] = lambda _: None) -> None:
        self._limits = limits
        self._changed = changed
        self._by_number: dict[str, Breaker] = {}
        self._stopped: set[str] = set()

    def of(self, number_id: str) -> Breaker:
        """The number's breaker."""
        breaker = self._by_number.get(number_id)
        if breaker is None:
            breaker = self._by_number[number_id] = Breaker(self._limits, partial(self._became, number_id))
        return breaker

    def stopped(self) -> int:
        """How many numbers may not send freely now."""
        return len(self._stopped)

    def _became(self, number_id: str, state: Circuit) -> None:
        if state is Circuit.CLOSED:
            self._stopped.discard(number_id)
        else:
            self._stopped.add(number_id)
        self._changed(state)
