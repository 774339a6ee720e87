"""A forwarder made of fakes: an account that remembers, a target that answers by script, and time that is told."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from libs.chassis.consuming import Received
from libs.contracts.errors import unavailable
from libs.contracts.events import ForwardRequested
from libs.store.forwards import (
    Attempt,
    Beginning,
    Begun,
    Forward,
    ForwardFilter,
    ForwardPage,
    ForwardState,
    Told,
    Underway,
)
from services.sender.domain.breaker import BreakerLimits
from services.sender.domain.forwarding import Reply
from services.sender.handlers import Forward as Handler
from services.sender.handlers import ForwardTerms, LaneLimits, Lanes
from services.sender.ports import NoTarget, Target
from tests.unit.sender.forwarding.test_rules import requested

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LEASE = timedelta(seconds=20)
LIMITS = LaneLimits(width=2, patience_s=0.02, breaker=BreakerLimits(calls=3, open_s=10.0, window_s=60.0))


@dataclass
class Time:
    """Stands still until it is told otherwise."""

    passed: float = 0.0

    def clock(self) -> datetime:
        return NOON + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return 1000.0 + self.passed


@dataclass
class FakeForwards:
    """The account, in memory; refuses everything while it is down."""

    rows: dict[str, Forward] = field(default_factory=dict)
    leases: dict[str, datetime] = field(default_factory=dict)
    down: bool = False

    async def begin(self, forward: Forward, *, owner: str, now: datetime, lease: timedelta) -> Beginning:
        self._up()
        standing = self.rows.get(forward.id)
        if standing is not None and standing.state is ForwardState.DELIVERED:
            return Told(standing.attempts[-1].status or 0, standing.tries)
        if standing is not None and standing.state is ForwardState.TRYING and self.leases[forward.id] > now:
            return Underway(self.leases[forward.id])
        self.rows[forward.id] = replace(standing or forward, state=ForwardState.TRYING)
        self.leases[forward.id] = now + lease
        return Begun()

    async def end(
        self, forward_id: str, state: ForwardState, *, owner: str, now: datetime, attempt: Attempt | None = None
    ) -> None:
        self._up()
        row = self.rows[forward_id]
        attempts = (*row.attempts, attempt) if attempt else row.attempts
        self.rows[forward_id] = replace(row, state=state, attempts=attempts, tries=len(attempts))

    async def page(self, wanted: ForwardFilter, *, limit: int, cursor: str | None) -> ForwardPage:
        return ForwardPage(list(self.rows.values()), None)

    async def get(self, forward_id: str) -> Forward | None:
        return self.rows.get(forward_id)

    def _up(self) -> None:
        if self.down:
            raise unavailable("store")


@dataclass
class FakeTarget:
    """A 3CX side: answers by script, the last answer for ever; hangs while `gate` is closed."""

    replies: list[Reply] = field(default_factory=lambda: [Reply(200)])
    taken: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def post(self, url: str, body: bytes, headers: Any) -> Reply:
        self.taken.append((url, body, dict(headers)))
        if self.gate is not None:
            await self.gate.wait()
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@dataclass
class FakeTargets:
    """Everybody is forwarded to the same place unless the case says otherwise."""

    standing: Target | NoTarget = field(default_factory=lambda: Target("https://pbx.example.com/hook", "a-secret"))

    async def target(self, integration_id: str) -> Target | NoTarget:
        return self.standing


@dataclass
class World:
    """A forwarding process and what it stands on."""

    time: Time = field(default_factory=Time)
    ledger: FakeForwards = field(default_factory=FakeForwards)
    target: FakeTarget = field(default_factory=FakeTarget)
    targets: FakeTargets = field(default_factory=FakeTargets)
    limits: LaneLimits = LIMITS

    def process(self) -> Handler:
        return Handler(
            ledger=self.ledger,
            targets=self.targets,
            posts=self.target,
            lanes=Lanes(self.limits, self.time.monotonic),
            clock=self.time.clock,
            monotonic=self.time.monotonic,
            chance=lambda: 0.0,
            terms=ForwardTerms(owner="sender-1", lease=LEASE),
        )

    @classmethod
    def answering(cls, *replies: Reply, **fields: Any) -> "World":
        return cls(target=FakeTarget(list(replies)), **fields)


def delivery(number: int = 7, *, attempt: int = 1, since: datetime | None = None, **facts: Any) -> Received[Any]:
    event: ForwardRequested = requested(**facts)
    return Received(event=event, id=UUID(int=number), at=NOON, attempt=attempt, since=since)
