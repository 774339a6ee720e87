"""One lane for each integration that is forwarded to: a target that hangs or fails holds up nobody but itself.

The rule: a lane has few places for tries and few for those who wait for one; everyone else goes back to a waiting
queue, which holds no place in the prefetch.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from libs.chassis.clock import Monotonic
from services.sender.domain.breaker import Breaker, BreakerLimits, Circuit, Permit
from services.sender.domain.forwarding import Reply

BUSY_S = 1.0
"""How long a delivery stays away from a lane that has no place for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneLimits:
    """`width` tries at once, as many waiting for up to `patience_s`, and when the circuit opens."""

    width: int
    patience_s: float
    breaker: BreakerLimits


class Lane:
    """One integration's."""

    def __init__(self, limits: LaneLimits, monotonic: Monotonic, changed: Callable[[Circuit], None]) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._breaker = Breaker(limits.breaker, changed)
        self._places = asyncio.Semaphore(limits.width)
        self._waiting = 0
        self._held_until = 0.0

    @property
    def open(self) -> bool:
        """True while tries pass freely."""
        return self._breaker.state is Circuit.CLOSED

    async def enter(self) -> Permit | float:
        """Take a place, to be left with `leave`; or the seconds after which to ask again."""
        if (closed := self._closed_for()) > 0:
            return closed
        if self._places.locked() and self._waiting >= self._limits.width:
            return BUSY_S
        self._waiting += 1
        try:
            async with asyncio.timeout(self._limits.patience_s):
                await self._places.acquire()
        except TimeoutError:
            return BUSY_S
        finally:
            self._waiting -= 1
        permit = self._breaker.admit(self._monotonic()) if self._held_until <= self._monotonic() else None
        if permit is None:
            self._places.release()
            return max(BUSY_S, self._closed_for())
        return permit

    def leave(self, permit: Permit, reply: Reply | None) -> None:
        """Give the place back, with what the target said (None: it was not asked)."""
        self._places.release()
        if reply is None:
            self._breaker.give_back(permit)
            return
        now = self._monotonic()
        self._breaker.record(permit, now, failed=reply.error is not None, retry_after=reply.retry_after)
        if reply.retry_after is not None:
            self._held_until = max(self._held_until, now + reply.retry_after)

    def _closed_for(self) -> float:
        now = self._monotonic()
        held = self._held_until - now
        return max(held, 0.0 if self._breaker.would_admit(now) else max(BUSY_S, self._breaker.wait(now)))


class Lanes:
    """A lane for each integration, made when first asked for and kept: integrations are few."""

    def __init__(
        self, limits: LaneLimits, monotonic: Monotonic, changed: Callable[[Circuit], None] = lambda _: None
    ) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._changed = changed
        self._lanes: dict[str, Lane] = {}

    def of(self, integration_id: str) -> Lane:
        """The integration's lane."""
        lane = self._lanes.get(integration_id)
        if lane is None:
            lane = self._lanes[integration_id] = Lane(self._limits, self._monotonic, self._changed)
        return lane

    def closed(self) -> int:
        """How many integrations are not forwarded to freely now."""
        return sum(not lane.open for lane in self._lanes.values())
