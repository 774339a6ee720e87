"""`CircuitBreaker`: stops calls that would fail, and admits exactly one probe when it is half-open.

Library breakers admit every waiting caller when half-open; this one prevents that burst.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum, unique
from functools import partial


@unique
class CircuitState(StrEnum):
    """Closed: calls pass. Open: no call passes. Half-open: one probe is running or due."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerLimits:
    """When a circuit opens, and for how long.

    It opens when at least `rate` of the calls of the last `window_s` seconds failed, given at least `calls` of them. It
    stays open for `open_s`, doubled with every failed probe up to `longest_s`, and never shorter than a `Retry-After`.
    """

    rate: float = 0.5
    calls: int = 10
    window_s: float = 30.0
    open_s: float = 2.0
    longest_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Permit:
    """Permission to make one call; hand it back with `record` or `cancel`."""

    generation: int


NoteChange = Callable[[str, CircuitState], None]
"""Is told of each change of state, with the id of the circuit's owner."""
_MAX_RESULTS = 1024
"""Results remembered per number, whatever the window: 80 calls a second for 13 s."""
_IDLE_S = 300.0
"""A circuit that would admit a call for so long has no traffic: it stops nobody, though only a call can close it."""


class CircuitBreaker:
    """One circuit. Times are monotonic seconds, passed in; not thread-safe."""

    def __init__(self, limits: BreakerLimits, on_change: Callable[[CircuitState], None] = lambda _: None) -> None:
        self.state = CircuitState.CLOSED
        self._limits = limits
        self._on_change = on_change
        self._results: deque[tuple[float, bool]] = deque(maxlen=_MAX_RESULTS)
        self._generation = 0
        self._failed_probes = 0
        self._open_until = 0.0
        self._probing = False

    def admit(self, now: float) -> Permit | None:
        """Permit one call; None while the circuit is open or its one probe is running."""
        if self.state is CircuitState.OPEN and now >= self._open_until:
            self._change_state(CircuitState.HALF_OPEN)
        if self.state is CircuitState.CLOSED:
            return Permit(self._generation)
        if self.state is CircuitState.OPEN or self._probing:
            return None
        self._probing = True
        return Permit(self._generation)

    def would_admit(self, now: float) -> bool:
        """True when `admit` would permit a call now; changes nothing."""
        if self.state is CircuitState.OPEN:
            return now >= self._open_until
        return self.state is CircuitState.CLOSED or not self._probing

    def stops_calls(self, now: float) -> bool:
        """True while the circuit is not closed and somebody has calls for it; an idle one counts for 5 minutes."""
        return self.state is not CircuitState.CLOSED and (self._probing or now < self._open_until + _IDLE_S)

    def cancel(self, permit: Permit) -> None:
        """Hand a permit back unused: no call was made, so another caller may probe."""
        if permit.generation == self._generation:
            self._probing = False

    def retry_after(self, now: float) -> float:
        """Seconds until a call may be admitted: 0 when closed, `open_s` at least while a probe is running."""
        if self.state is CircuitState.CLOSED:
            return 0.0
        return max(self._open_until - now, self._limits.open_s if self._probing else 0.0)

    def record(self, permit: Permit, now: float, *, failed: bool, retry_after: float | None = None) -> None:
        """Hand a permit back with its call's result, and the seconds of the provider's `Retry-After`.

        Results of calls that were admitted before the last change of state are ignored.
        """
        if permit.generation != self._generation:
            return
        if self.state is CircuitState.HALF_OPEN:
            self._record_probe(now, failed=failed, retry_after=retry_after)
            return
        self._results.append((now, failed))
        if failed and self._rate_exceeded(now):
            self._open(now, retry_after)

    def _record_probe(self, now: float, *, failed: bool, retry_after: float | None) -> None:
        if failed:
            self._failed_probes += 1
            self._open(now, retry_after)
        else:
            self._failed_probes = 0
            self._change_state(CircuitState.CLOSED)

    def _rate_exceeded(self, now: float) -> bool:
        while self._results and self._results[0][0] <= now - self._limits.window_s:
            self._results.popleft()
        failures = sum(failed for _, failed in self._results)
        return len(self._results) >= self._limits.calls and failures >= self._limits.rate * len(self._results)

    def _open(self, now: float, retry_after: float | None) -> None:
        pause = min(self._limits.longest_s, self._limits.open_s * 2.0 ** min(self._failed_probes, 32))
        self._open_until = now + max(pause, retry_after or 0.0)
        self._change_state(CircuitState.OPEN)

    def _change_state(self, state: CircuitState) -> None:
        self.state = state
        self._generation += 1
        self._probing = False
        self._results.clear()
        self._on_change(state)


class CircuitBreakers:
    """One breaker per number, made at its first call and kept: numbers are few."""

    def __init__(self, limits: BreakerLimits, on_change: NoteChange = lambda *_: None) -> None:
        self._limits = limits
        self._on_change = on_change
        self._by_number: dict[str, CircuitBreaker] = {}

    def of(self, number_id: str) -> CircuitBreaker:
        """The number's breaker."""
        breaker = self._by_number.get(number_id)
        if breaker is None:
            breaker = self._by_number[number_id] = CircuitBreaker(self._limits, partial(self._on_change, number_id))
        return breaker

    def stopped(self, now: float) -> int:
        """The number of circuits that stop calls. Metrics ask in another thread, so the numbers are copied first."""
        return sum(breaker.stops_calls(now) for breaker in list(self._by_number.values()))
