"""Decisions, conversations, suppressions and erasures in memory."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from libs.contracts.events import MessageApproved
from libs.store.conversations import Suppression, SuppressionKind
from libs.store.decisions import Cooldown, CoolingDown, DecisionResult, FactsQuery, Proposal, StoredFacts
from libs.store.inbound_messages import InboundMessage
from libs.store.outbox import OutboxEvent
from tests.unit.sender.fake_world import World


@dataclass
class FakeReceipts:
    """The replies whose receipts began: the event's id, and whether the reply waited."""

    begun: list[tuple[UUID, bool]] = field(default_factory=list)

    def begin(self, approved: MessageApproved, *, waits: bool = False) -> None:
        self.begun.append((approved.event_id, waits))


@dataclass
class FakeDecisions:
    """Counts released quotas, once per event."""

    world: World
    released: set[str] = field(default_factory=set)
    times: int = 0

    async def release(self, event_id: str, now: datetime) -> bool:
        await self.world.step()
        fresh = event_id not in self.released
        self.released.add(event_id)
        self.times += fresh
        await self.world.step()
        return fresh

    async def facts(self, question: FactsQuery) -> StoredFacts:
        raise NotImplementedError

    async def decide(self, proposal: Proposal) -> DecisionResult:
        raise NotImplementedError

    async def cooling_down(self, cooldown: Cooldown, now: datetime) -> CoolingDown | None:
        raise NotImplementedError


@dataclass
class FakeConversations:
    """Remembers which windows were closed, and when."""

    world: World
    closed: dict[tuple[str, str], datetime] = field(default_factory=dict)

    async def open_window(
        self, number_id: str, customer_keys: Sequence[str], at: datetime, *, message: InboundMessage | None = None
    ) -> None:
        raise NotImplementedError

    async def join_windows(self, account_id: str, customer_keys: Sequence[str], main_key: str) -> None:
        raise NotImplementedError

    async def close_window(self, number_id: str, customer_key: str, at: datetime) -> None:
        await self.world.step()
        self.closed[number_id, customer_key] = at


@dataclass
class FakeErasedCustomers:
    """Erasures by customer key; `next_looks` are what the next looks find instead, first one first."""

    times: dict[str, datetime] = field(default_factory=dict)
    next_looks: list[datetime | None] = field(default_factory=list)

    async def mark(self, account_id: str, customer_keys: Collection[str], at: datetime) -> None:
        self.times |= dict.fromkeys(customer_keys, at)

    async def erased_at(self, account_id: str, customer_keys: Collection[str]) -> datetime | None:
        if self.next_looks:
            return self.next_looks.pop(0)
        return max((self.times[key] for key in customer_keys if key in self.times), default=None)

    async def forget(self, now: datetime) -> None:
        raise NotImplementedError


@dataclass
class FakeSuppressions:
    """Suppressions by customer key; a row is written once."""

    rows: dict[str, Suppression] = field(default_factory=dict)

    async def page(
        self, *, account_id: str | None, customer_key: str | None, after: str | None, limit: int
    ) -> Sequence[Suppression]:
        return [row for key, row in self.rows.items() if key == customer_key and row.active]

    async def standing(self, account_id: str, customer_keys: Collection[str]) -> frozenset[SuppressionKind]:
        return frozenset(row.kind for key, row in self.rows.items() if key in customer_keys and row.active)

    async def suppress(self, suppression: Suppression, events: Sequence[OutboxEvent]) -> Suppression:
        return self.rows.setdefault(suppression.customer_key, suppression)

    async def lift(self, **_: Any) -> Suppression | None:
        raise NotImplementedError

    async def get(self, suppression_id: str) -> Suppression | None:
        raise NotImplementedError
