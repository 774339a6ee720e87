"""A forwarder made of fakes: an account that remembers, a target that answers by script, and time that is told."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from libs.chassis.subscriptions import Received
from libs.contracts.errors import unavailable
from libs.contracts.events import ForwardRequested
from libs.contracts.forwards import ForwardKind
from libs.contracts.identity import Pseudonyms
from libs.store.forwards import (
    AlreadyDelivered,
    Attempt,
    DeliveryInProgress,
    Forward,
    ForwardFilter,
    ForwardPage,
    ForwardState,
    Started,
    StartResult,
)
from services.sender.domain.circuit_breaker import BreakerLimits
from services.sender.domain.forwards import ForwardResponse
from services.sender.domain.media_links import MediaLinks
from services.sender.handlers.bulkheads import BulkheadLimits, Bulkheads
from services.sender.handlers.cancellations import Cancellations
from services.sender.handlers.forwards import DeliverForward, ForwardOptions
from services.sender.ports import ForwardTarget, NoForwardTarget
from tests.builders import SEALER
from tests.do_not_contact import hashes_over
from tests.unit.sender.domain.test_forwards import requested
from tests.unit.sender.fake_conversations import FakeErasedCustomers

PSEUDONYMS = Pseudonyms(b"k" * 32)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LEASE = timedelta(seconds=20)
LIMITS = BulkheadLimits(concurrent=2, wait_s=0.02, breaker=BreakerLimits(calls=3, open_s=10.0, window_s=60.0))


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

    async def start(self, forward: Forward, *, owner: str, now: datetime, lease: timedelta) -> StartResult:
        self._up()
        standing = self.rows.get(forward.id)
        if standing is not None and standing.state is ForwardState.DELIVERED:
            return AlreadyDelivered(standing.attempts[-1].status or 0, standing.tries)
        if standing is not None and standing.state is ForwardState.TRYING and self.leases[forward.id] > now:
            return DeliveryInProgress(self.leases[forward.id])
        self.rows[forward.id] = replace(standing or forward, state=ForwardState.TRYING)
        self.leases[forward.id] = now + lease
        return Started()

    async def finish_attempt(
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

    replies: list[ForwardResponse] = field(default_factory=lambda: [ForwardResponse(200)])
    taken: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def post(self, url: str, body: bytes, headers: Any) -> ForwardResponse:
        self.taken.append((url, body, dict(headers)))
        if self.gate is not None:
            await self.gate.wait()
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@dataclass
class FakeTargets:
    """Everybody is forwarded to the same place unless the case says otherwise."""

    standing: ForwardTarget | NoForwardTarget = field(
        default_factory=lambda: ForwardTarget("https://pbx.example.com/hook", "a-secret")
    )

    async def target(self, integration_id: str, kind: ForwardKind) -> ForwardTarget | NoForwardTarget:
        return self.standing


@dataclass
class World:
    """A forwarding process and what it stands on."""

    time: Time = field(default_factory=Time)
    ledger: FakeForwards = field(default_factory=FakeForwards)
    target: FakeTarget = field(default_factory=FakeTarget)
    targets: FakeTargets = field(default_factory=FakeTargets)
    limits: BulkheadLimits = LIMITS
    erased: FakeErasedCustomers = field(default_factory=FakeErasedCustomers)

    def process(self) -> DeliverForward:
        return DeliverForward(
            forwards=self.ledger,
            cancellations=Cancellations(self.erased, hashes_over(pseudonyms=PSEUDONYMS)),
            targets=self.targets,
            links=MediaLinks(base_url="https://media.example.com", keys=SEALER.keys, pseudonyms=PSEUDONYMS),
            client=self.target,
            bulkheads=Bulkheads(self.limits, self.time.monotonic),
            clock=self.time.clock,
            monotonic=self.time.monotonic,
            random=lambda: 0.0,
            options=ForwardOptions(owner="sender-1", lease=LEASE),
        )

    @classmethod
    def answering(cls, *replies: ForwardResponse, **fields: Any) -> "World":
        return cls(target=FakeTarget(list(replies)), **fields)


def delivery(
    number: int = 7, *, attempt: int = 1, waiting_since: datetime | None = None, **facts: Any
) -> Received[Any]:
    event: ForwardRequested = requested(**facts)
    return Received(event=event, id=UUID(int=number), at=NOON, attempt=attempt, waiting_since=waiting_since)
