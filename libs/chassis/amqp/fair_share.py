"""`FairShare`: which delivery of a consumer is handled next, so that no account keeps the others waiting.

The queue stays one. Of the deliveries that a consumer handles at once, an account has at most its share; further ones
are parked in memory, and accounts with parked deliveries take turns. When little room is left, an account that has its
share goes behind: its deliveries wait in a delay queue, each until its turn at the account's own pace. So a backlog of
one account never fills the prefetch, and others' deliveries come through.

All consumers of a process take turns on one event loop. So an account has no more than its share in one of them while
others have deliveries in any, and one whose steps are long begins none while another's delivery is handled.

An account alone in its queue is never put behind. Parked deliveries keep their order. Those that go behind keep it as
far as delay queues do, which is no worse than a retry (docs/decisions/0029-words-and-fair-shares.md).
"""

import math
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Generic, TypeVar

from libs.chassis.clock import Monotonic, monotonic

D = TypeVar("D")

PARKING: Final = 256
"""Deliveries that a consumer holds in memory beside those that it handles."""
OTHERS_SECONDS: Final = 60.0
"""For how long another account's delivery shows that an account is not alone."""
MAX_WAIT: Final = 300
"""Seconds. A delivery that comes back too early waits again."""
HOP_SECONDS: Final = 0.1
"""More than a delay queue adds to its time. Deliveries that wait in different queues are so much apart."""
FIRST_SECONDS: Final = 0.05
"""How long a delivery is taken to be handled before that was measured."""
SHORTEST_STEP: Final = 1e-6
"""Seconds. A step of a handler is never taken to be shorter."""
MEMORY: Final = 0.9
"""The weight of earlier deliveries in the measured time."""
LET_PASS_SECONDS: Final = 0.02
"""For so long at most an account whose steps are long lets the deliveries of others pass."""


class SeenAccounts:
    """The accounts that have had deliveries lately: in one queue, or in all queues of a process."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, float] = OrderedDict()

    def see(self, account: str, now: float) -> list[str]:
        """Note a delivery of an account; returns those that were not seen for OTHERS_SECONDS, and are forgotten."""
        self._seen[account] = now
        self._seen.move_to_end(account)
        gone = []
        while (oldest := next(iter(self._seen.items())))[1] < now - OTHERS_SECONDS:
            del self._seen[oldest[0]]
            gone.append(oldest[0])
        return gone

    def has_other_than(self, account: str) -> bool:
        """Whether another account was seen."""
        return len(self._seen) > (account in self._seen)

    def __contains__(self, account: str) -> bool:
        return account in self._seen


@dataclass(slots=True)
class _Deferred:
    """Deliveries of an account that were put behind, each until its turn at the account's pace.

    They wait for whole seconds, as the delay queues do, and none comes back before an earlier one.
    """

    turn: float = 0.0
    """When the last of them would be handled."""
    until: float = 0.0
    """When the last of them comes back."""
    wait: int = 0
    """The whole seconds that it waits."""

    def add(self, now: float, gap: float) -> timedelta:
        self.turn = max(self.turn, now) + gap
        wait = max(1, math.ceil(max(self.turn, self.until) - now))
        if wait != self.wait and now + wait < self.until + HOP_SECONDS:
            wait += 1
        self.wait = min(wait, MAX_WAIT)
        self.until = max(self.until, now + self.wait)
        return timedelta(seconds=self.wait)

    def is_over(self, now: float) -> bool:
        return self.until + HOP_SECONDS < now


@dataclass(slots=True)
class _Account(Generic[D]):
    """One account's deliveries in this consumer."""

    running: int = 0
    parked: deque[D] = field(default_factory=deque)
    seconds: float = FIRST_SECONDS
    """How long its deliveries are handled, on average."""
    step: float = 0.0
    """For how long a delivery holds the event loop at a time, on average of their longest steps."""
    waiting_since: float | None = None
    """Since when its next delivery has let others' pass."""
    behind: _Deferred = field(default_factory=_Deferred)
    again: _Deferred = field(default_factory=_Deferred)
    """Those that came back and found no room."""

    def is_idle(self, now: float) -> bool:
        return not self.running and not self.parked and self.behind.is_over(now)


class FairShare(Generic[D]):
    """The deliveries of one consumer that are running or parked, by account. At most `slots` run at once.

    The consumer's prefetch is `slots` and `parking` together. `share`: half of the slots when it is not given.
    `loop_seconds`: while there are others, an account has only so many deliveries at once as would hold the event loop
    for so long if each was at its longest step. That is for how long a step of another account's waits for them.
    `process`: the accounts with deliveries in any queue of the process; None: those of this one.
    """

    def __init__(
        self,
        slots: int,
        parking: int = PARKING,
        *,
        share: int | None = None,
        loop_seconds: float = math.inf,
        process: SeenAccounts | None = None,
        clock: Monotonic = monotonic,
    ) -> None:
        self._slots = slots
        self._share = max(1, slots // 2 if share is None else share)
        self._loop_seconds = loop_seconds
        self._parking = parking
        self._now = clock
        self._running = 0
        self.parked = 0
        """Deliveries that wait for `take`."""
        self._accounts: dict[str, _Account[D]] = {}
        self._turns: OrderedDict[str, None] = OrderedDict()
        self._seen = SeenAccounts()
        self._process = self._seen if process is None else process

    @property
    def share(self) -> int:
        """How many deliveries of one account run at once while there are others."""
        return self._share

    def arrive(self, account: str, delivery: D, *, returned: bool) -> timedelta | None:
        """Park a delivery; or the time after which it is to be delivered again, when its account has its share.

        `returned`: it was put behind before.
        """
        now = self._now()
        self._see(account, now)
        state = self._accounts.get(account)
        if state is None:
            state = self._accounts[account] = _Account()
        if not self._seen.has_other_than(account) or self._has_room(state, now, returned=returned):
            state.parked.append(delivery)
            self.parked += 1
            self._turns.setdefault(account)
            return None
        behind = state.again if returned else state.behind
        return behind.add(now, min(1.0, state.seconds / self.share))

    def take(self) -> tuple[str, D] | None:
        """The next delivery to handle; None when nothing is parked that may run now. Call `finish` when it is done."""
        if self._running >= self._slots:
            return None
        for account in self._turns:
            state = self._accounts[account]
            if state.running < self._limit(account, state) and not self._lets_pass(state):
                state.running += 1
                state.waiting_since = None
                self._running += 1
                self.parked -= 1
                delivery = state.parked.popleft()
                del self._turns[account]
                if state.parked:
                    self._turns[account] = None  # behind the other accounts
                return account, delivery
        return None

    def finish(self, account: str, seconds: float, *, step: float = 0.0) -> None:
        """Note that a delivery was handled in so many seconds, and held the event loop for `step` of them at a time."""
        state = self._accounts[account]
        state.running -= 1
        self._running -= 1
        state.seconds = MEMORY * state.seconds + (1 - MEMORY) * seconds
        state.step = MEMORY * state.step + (1 - MEMORY) * step
        self._forget_if_idle(account, self._now())

    def forget_parked(self) -> None:
        """Drop what is parked: its channel was closed, and the broker delivers it again."""
        self._turns.clear()
        self.parked = 0
        for state in self._accounts.values():
            state.parked.clear()

    def _limit(self, account: str, state: _Account[D]) -> int:
        """An account alone leaves a few slots free, so that another one's first delivery need not wait."""
        if not self._process.has_other_than(account):
            return max(1, self._slots - self._slots // 8)
        return max(1, int(min(self._share, self._within_loop_seconds(state))))

    def _within_loop_seconds(self, state: _Account[D]) -> float:
        return self._loop_seconds / max(SHORTEST_STEP, state.step)

    def _lets_pass(self, state: _Account[D]) -> bool:
        """Whether an account of which one delivery is handled at a time waits for those of others, for a while.

        Each step of theirs would wait for one of its long ones. The end of theirs, or of another one, looks again.
        """
        if self._running == state.running or self._within_loop_seconds(state) >= 2:  # noqa: PLR2004 -- one at a time
            return False
        now = self._now()
        if state.waiting_since is None:
            state.waiting_since = now
        return now - state.waiting_since < LET_PASS_SECONDS

    def _has_room(self, state: _Account[D], now: float, *, returned: bool) -> bool:
        """Newer deliveries stay behind those that are behind already."""
        if not returned and not state.behind.is_over(now):
            return False
        # A part of the room is left for accounts below their share; what came back may use half of that.
        room = self._parking - (self._parking // 8 if returned else self._parking // 4)
        return self.parked < room or state.running + len(state.parked) < self.share

    def _see(self, account: str, now: float) -> None:
        if self._process is not self._seen:
            self._process.see(account, now)
        for gone in self._seen.see(account, now):
            self._forget_if_idle(gone, now)

    def _forget_if_idle(self, account: str, now: float) -> None:
        state = self._accounts.get(account)
        if state is not None and account not in self._seen and state.is_idle(now):
            del self._accounts[account]
