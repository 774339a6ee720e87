"""`Bulkheads`: limits concurrent forwards for each integration, so that a slow target delays only its own forwards.

The rule: a bulkhead admits few requests and few that wait for admission. Every other forward returns to a delay queue,
where it occupies no prefetch.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from libs.chassis.clock import Monotonic
from services.sender.domain.circuit_breaker import BreakerLimits, CircuitBreaker, CircuitState, NoteChange, Permit
from services.sender.domain.forwards import ForwardResponse

RETRY_WHEN_FULL_S = 1.0
"""Seconds after which a forward that found its bulkhead full is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkheadLimits:
    """`concurrent` requests at once, as many waiting for up to `wait_s` seconds, and the circuit breaker's limits."""

    concurrent: int
    wait_s: float
    breaker: BreakerLimits


class Bulkhead:
    """One integration's slots and circuit breaker."""

    def __init__(self, limits: BulkheadLimits, monotonic: Monotonic, on_change: Callable[[CircuitState], None]) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._breaker = CircuitBreaker(limits.breaker, on_change)
        self._slots = asyncio.Semaphore(limits.concurrent)
        self._waiting = 0
        self._paused_until = 0.0

    @property
    def stops_requests(self) -> bool:
        """True while the circuit is not closed and there are requests for it."""
        return self._breaker.stops_calls(self._monotonic())

    async def acquire(self) -> Permit | float:
        """Take a slot, to be given back with `release`; or the seconds after which to try again."""
        if (blocked := self._blocked_for()) > 0:
            return blocked
        if self._slots.locked() and self._waiting >= self._limits.concurrent:
            return RETRY_WHEN_FULL_S
        self._waiting += 1
        try:
            async with asyncio.timeout(self._limits.wait_s):
                await self._slots.acquire()
        except TimeoutError:
            return RETRY_WHEN_FULL_S
        finally:
            self._waiting -= 1
        permit = self._breaker.admit(self._monotonic()) if self._paused_until <= self._monotonic() else None
        if permit is None:
            self._slots.release()
            return max(RETRY_WHEN_FULL_S, self._blocked_for())
        return permit

    def release(self, permit: Permit, response: ForwardResponse | None) -> None:
        """Give the slot back with the target's response (None: no request was made)."""
        self._slots.release()
        if response is None:
            self._breaker.cancel(permit)
            return
        now = self._monotonic()
        self._breaker.record(permit, now, failed=response.error is not None, retry_after=response.retry_after)
        if response.retry_after is not None:
            self._paused_until = max(self._paused_until, now + response.retry_after)

    def _blocked_for(self) -> float:
        now = self._monotonic()
        paused = self._paused_until - now
        breaker = self._breaker
        return max(paused, 0.0 if breaker.would_admit(now) else max(RETRY_WHEN_FULL_S, breaker.retry_after(now)))


class Bulkheads:
    """One bulkhead for each integration, made at its first forward and kept: integrations are few."""

    def __init__(self, limits: BulkheadLimits, monotonic: Monotonic, on_change: NoteChange = lambda *_: None) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._on_change = on_change
        self._by_integration: dict[str, Bulkhead] = {}

    def of(self, integration_id: str) -> Bulkhead:
        """The integration's bulkhead."""
        bulkhead = self._by_integration.get(integration_id)
        if bulkhead is None:
            bulkhead = Bulkhead(self._limits, self._monotonic, partial(self._on_change, integration_id))
            self._by_integration[integration_id] = bulkhead
        return bulkhead

    def stopped(self) -> int:
        """The number of integrations whose circuit stops requests. Metrics ask in another thread: copied first."""
        return sum(bulkhead.stops_requests for bulkhead in list(self._by_integration.values()))
