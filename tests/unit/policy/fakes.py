"""Fakes of policy's ports, with state."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from libs.contracts.decisions import Decision
from libs.store.accounts import Account, Integration, Number
from libs.store.conversations import Suppression, SuppressionKind
from libs.store.decisions import (
    Cooldown,
    CoolingDown,
    DecisionResult,
    FactsQuery,
    Limit,
    Proposal,
    QuotaExhausted,
    StandingDecision,
    StoredFacts,
)
from libs.store.identities import Identity
from tests.builders import a_number, an_account, an_integration, stored


@dataclass
class FakeDirectory:
    accounts: dict[str, Account] = field(default_factory=lambda: {"acc_1": an_account()})
    integrations: dict[str, Integration] = field(default_factory=lambda: {"int_1": an_integration()})

    async def account(self, account_id: str) -> Account | None:
        return self.accounts.get(account_id)

    async def number(self, *, number_id: str | None = None, phone_number_id: str | None = None) -> Number | None:
        return a_number()

    async def integration(self, integration_id: str) -> Integration | None:
        return self.integrations.get(integration_id)


@dataclass
class FakeDeliveryOrder:
    """The delivery orders by number and customer."""

    lines: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    async def enqueue(self, *, number_id: str, customer_key: str, event_id: str, now: datetime) -> str | None:
        line = self.lines.setdefault((number_id, customer_key), [])
        if event_id not in line:
            line.append(event_id)
        place = line.index(event_id)
        return line[place - 1] if place else None


@dataclass
class FakeDecisions:
    """Stores decisions; `left` is the rest of the quota."""

    known: StoredFacts = field(default_factory=stored)
    left: int = 1_000
    kept: dict[str, Decision] = field(default_factory=dict)
    cooldowns: dict[str, datetime] = field(default_factory=dict)
    questions: list[FactsQuery] = field(default_factory=list)
    delivery_order: FakeDeliveryOrder = field(default_factory=FakeDeliveryOrder)

    async def facts(self, query: FactsQuery) -> StoredFacts:
        self.questions.append(query)
        return replace(self.known, decision=self.kept.get(query.event_id))

    async def decide(self, proposal: Proposal) -> DecisionResult:
        if proposal.event_id in self.kept:
            return StandingDecision(self.kept[proposal.event_id], fresh=False)
        if proposal.budget is not None:
            cooldown = proposal.cooldown
            if cooldown is not None and self.cooldowns.get(cooldown.id, proposal.now) > proposal.now:
                return CoolingDown(self.cooldowns[cooldown.id])
            if cooldown is not None:
                self.cooldowns[cooldown.id] = proposal.now + timedelta(seconds=cooldown.seconds)
            if self.left == 0:
                return QuotaExhausted(Limit.DAILY, proposal.budget.daily_limit)
            self.left -= 1
        self.kept[proposal.event_id] = proposal.decision
        return StandingDecision(proposal.decision, fresh=True, after=await self._enqueue(proposal))

    async def _enqueue(self, proposal: Proposal) -> str | None:
        place = proposal.position
        if proposal.budget is None or place is None:
            return None
        return await self.delivery_order.enqueue(
            number_id=place.number_id, customer_key=place.customer_key, event_id=proposal.event_id, now=proposal.now
        )

    async def cooling_down(self, cooldown: Cooldown, now: datetime) -> CoolingDown | None:
        until = self.cooldowns.get(cooldown.id, now)
        return CoolingDown(until) if until > now else None

    async def release(self, event_id: str, now: datetime) -> bool:
        return False


@dataclass
class FakeConversations:
    opened: dict[tuple[str, str], datetime] = field(default_factory=dict)

    async def open_window(self, number_id: str, customer_keys: Sequence[str], at: datetime) -> None:
        for key in customer_keys:
            self.opened[number_id, key] = max(at, self.opened.get((number_id, key), at))

    async def close_window(self, number_id: str, customer_key: str, at: datetime) -> None: ...


@dataclass
class FakeSuppressions:
    rows: dict[tuple[str, str], Suppression] = field(default_factory=dict)
    lifts: dict[tuple[str, str], datetime] = field(default_factory=dict)
    by_key: dict[tuple[str, str, str | None], Suppression | None] = field(default_factory=dict)
    seen: dict[str, Suppression] = field(default_factory=dict)

    async def suppress(self, suppression: Suppression, events: Sequence[Any]) -> Suppression:
        key = (suppression.customer_key, suppression.kind)
        kept = self.rows.get(key)
        if suppression.id in self.seen:
            return kept if kept is not None and kept.id == suppression.id else replace(suppression, active=False)
        if kept is not None and kept.active:
            return kept
        if self.lifts.get(key, suppression.since) > suppression.since:
            return replace(suppression, active=False)
        self.rows[key] = suppression
        self.seen[suppression.id] = suppression
        return suppression

    async def lift(
        self,
        *,
        account_id: str,
        customer_key: str,
        kind: SuppressionKind,
        at: datetime,
        events: Sequence[Any],
        deduplication_key: str | None = None,
    ) -> Suppression | None:
        if (customer_key, kind, deduplication_key) in self.by_key:
            return self.by_key[customer_key, kind, deduplication_key]
        self.by_key[customer_key, kind, deduplication_key] = self._lifted(customer_key, kind, at)
        return self.by_key[customer_key, kind, deduplication_key]

    def _lifted(self, customer_key: str, kind: SuppressionKind, at: datetime) -> Suppression | None:
        kept = self.rows.get((customer_key, kind))
        if kept is None or not kept.active or kept.since > at:
            return None
        self.rows[customer_key, kind] = replace(kept, active=False)
        self.lifts[customer_key, kind] = at
        return kept

    async def page(
        self, *, account_id: str | None, customer_key: str | None, after: str | None, limit: int
    ) -> Sequence[Suppression]:
        return [row for row in self.rows.values() if row.active and customer_key in {None, row.customer_key}]

    async def get(self, suppression_id: str) -> Suppression | None:
        return self.seen.get(suppression_id)


@dataclass
class FakeIdentities:
    """Links by customer key."""

    partners: dict[str, str] = field(default_factory=dict)
    done: set[frozenset[str]] = field(default_factory=set)

    async def link(self, account_id: str, keys: Sequence[str], at: datetime) -> Identity:
        if len(keys) == 2:
            self.partners |= {keys[0]: keys[1], keys[1]: keys[0]}
            return Identity(tuple(keys), frozenset(keys) in self.done)
        partner = self.partners.get(keys[0])
        if partner is None or self.partners.get(partner) != keys[0]:
            return Identity((keys[0],))
        return Identity((keys[0], partner), frozenset((keys[0], partner)) in self.done)

    async def mark_merged(self, account_id: str, keys: Sequence[str]) -> None:
        self.done.add(frozenset(keys))
