"""Stand-ins with state for what sender talks to; each step can be the one at which the process dies."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from libs.contracts.errors import unavailable
from libs.providers.cloud_api.responses import ERRORS
from libs.providers.errors import ErrorTable
from libs.providers.outcomes import Accepted, OutcomeUnknown, SendOutcome
from libs.providers.outgoing import NumberCredentials, Outgoing
from libs.store.accounts import Number
from libs.store.claim_rules import (
    Bucket,
    Entry,
    State,
    blocked_by,
    bucket_after_hold,
    bucket_id,
    bucket_ids,
    claim_of_other_owner,
    objection_to,
    slots_for,
)
from libs.store.conversations import Suppression
from libs.store.decisions import Cooldown, CoolingDown, DecisionResult, FactsQuery, Proposal, StoredFacts
from libs.store.ledger import Claim, ClaimAnswer, Claimed, ClaimInProgress, Finished, RateLimited
from libs.store.outbox import OutboxEvent
from libs.store.progress import Progress
from libs.store.statuses import StatusUpdate, TrackedMessage
from services.sender.domain.refusals import NumberPause

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Crash(BaseException):
    """The process dies here."""


@dataclass
class World:
    """Time that passes only when somebody sleeps, and the step at which the process dies."""

    elapsed: float = 0.0
    steps: int = 0
    dies_at: int | None = None
    slept: list[float] = field(default_factory=list)

    def clock(self) -> datetime:
        return NOON + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.elapsed += seconds
        await asyncio.sleep(0)

    async def step(self) -> None:
        self.steps += 1
        await asyncio.sleep(0)
        if self.steps == self.dies_at:
            raise Crash


@dataclass
class FakeLedger:
    """A ledger in two dicts that decides as the real ones do; `away` counts calls that fail."""

    world: World
    entries: dict[str, Entry] = field(default_factory=dict)
    buckets: dict[str, Bucket] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)
    claimed: dict[str, Claim] = field(default_factory=dict)
    message_ids: dict[str, str] = field(default_factory=dict)
    progress: dict[str, Progress] = field(default_factory=dict)
    away: int = 0

    async def claim(self, claim: Claim) -> ClaimAnswer:
        await self._reached()
        answer = self._claim(claim)
        await self.world.step()
        return answer

    def _claim(self, claim: Claim) -> ClaimAnswer:
        self.claims.append(claim)
        entry = self.entries.get(claim.event_id)
        objection = objection_to(claim, entry)
        if objection is not None:
            return objection
        behind = blocked_by(claim, self.entries.get(claim.after or ""))
        if behind is not None:
            return behind
        slots = slots_for(claim, self.buckets)
        if isinstance(slots, RateLimited):
            return slots
        for name, tat in zip(bucket_ids(claim), slots.tats, strict=False):
            self.buckets[name] = replace(self.buckets.get(name, Bucket()), tat=tat)
        attempt = entry.attempt + 1 if entry is not None else 1
        until = claim.now + timedelta(seconds=slots.wait + claim.lease_seconds)
        self.entries[claim.event_id] = Entry(State.CALLING, claim.owner, attempt, until, None)
        self.claimed[claim.event_id] = claim
        return Claimed(slots.wait, attempt)

    async def mark_not_sent(self, event_id: str, *, owner: str, until: datetime) -> None:
        await self._reached()
        entry = self.entries[event_id]
        if entry.owner == owner and entry.state == State.CALLING:
            self.entries[event_id] = replace(entry, state=State.WAITING, until=until)
        await self.world.step()

    async def finish(
        self, event_id: str, outcome: bytes, *, now: datetime, message_id: str | None = None, owner: str | None = None
    ) -> Finished | ClaimInProgress:
        await self._reached()
        entry = self.entries.get(event_id)
        kept = claim_of_other_owner(entry, owner, now)
        if kept is not None:
            return kept
        if message_id is not None:
            self.message_ids.setdefault(event_id, message_id)
        if entry is None or entry.outcome is None:
            entry = self.entries[event_id] = Entry(State.FINISHED, "", 1, now, outcome)
        await self.world.step()
        return Finished(entry.outcome or b"")

    async def apply(self, told: StatusUpdate) -> TrackedMessage | None:
        await self._reached()
        event_id = told.event_id if told.event_id in self.claimed else self._named(told.message_id)
        if event_id is None or self.claimed[event_id].number_id != told.number_id:
            return None
        self.message_ids.setdefault(event_id, told.message_id)
        self.progress[event_id] = self.progress.get(event_id, Progress()).with_step(told.step)
        await self.world.step()
        return await self.find(event_id)

    async def find(self, event_id: str) -> TrackedMessage | None:
        claim = self.claimed.get(event_id)
        if claim is None:
            return None
        return TrackedMessage(
            event_id=event_id,
            account_id=claim.account_id,
            integration_id=claim.integration_id,
            number_id=claim.number_id,
            customer_key=claim.customer_key,
            message_id=self.message_ids.get(event_id),
            outcome=self.entries[event_id].outcome,
            progress=self.progress.get(event_id, Progress()),
        )

    def _named(self, message_id: str) -> str | None:
        return next((event for event, name in self.message_ids.items() if name == message_id), None)

    async def hold(self, *, scope: str, key: str, until: datetime, slow_down: float = 1.0) -> None:
        await self._reached()
        name = bucket_id(scope, key)
        self.buckets[name] = bucket_after_hold(self.buckets.get(name, Bucket()), until.timestamp(), slow_down)
        await self.world.step()

    def holds(self) -> dict[str, tuple[float, float]]:
        """For how many seconds, and at which part of its rate, each held bucket is held."""
        now = self.world.clock().timestamp()
        return {name: (b.held_until - now, b.factor) for name, b in self.buckets.items() if b.held_until}

    async def _reached(self) -> None:
        await self.world.step()
        if self.away:
            self.away -= 1
            raise unavailable("store")


@dataclass
class FakeProvider:
    """Plays outcomes back, then accepts; `took` is what a customer would have got."""

    world: World
    errors: ErrorTable = ERRORS
    outcomes: list[SendOutcome] = field(default_factory=list)
    offered: list[Outgoing] = field(default_factory=list)
    took: list[Outgoing] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def send(self, number: NumberCredentials, outgoing: Outgoing) -> SendOutcome:
        await self.world.step()
        self.offered.append(outgoing)
        outcome = self.outcomes.pop(0) if self.outcomes else Accepted(message_id=f"wamid.{len(self.offered)}")
        if isinstance(outcome, Accepted | OutcomeUnknown):
            self.took.append(outgoing)
        if self.gate is not None:
            await self.gate.wait()
        await self.world.step()
        return outcome


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

    async def open_window(self, number_id: str, customer_keys: Sequence[str], at: datetime) -> None:
        raise NotImplementedError

    async def close_window(self, number_id: str, customer_key: str, at: datetime) -> None:
        await self.world.step()
        self.closed[number_id, customer_key] = at


@dataclass
class FakeSuppressions:
    """Suppressions by customer key; a row is written once."""

    rows: dict[str, Suppression] = field(default_factory=dict)

    async def page(
        self, *, account_id: str | None, customer_key: str | None, after: str | None, limit: int
    ) -> Sequence[Suppression]:
        return [row for key, row in self.rows.items() if key == customer_key and row.active]

    async def suppress(self, suppression: Suppression, events: Sequence[OutboxEvent]) -> Suppression:
        return self.rows.setdefault(suppression.customer_key, suppression)

    async def lift(self, **_: Any) -> Suppression | None:
        raise NotImplementedError

    async def get(self, suppression_id: str) -> Suppression | None:
        raise NotImplementedError


@dataclass
class FakeNumberPauser:
    """Remembers which numbers were paused, and for what."""

    paused: dict[str, NumberPause] = field(default_factory=dict)

    async def pause(self, pause: NumberPause) -> bool:
        fresh = pause.event.number_id not in self.paused
        self.paused.setdefault(pause.event.number_id, pause)
        return fresh


@dataclass
class FakeNumbers:
    """A few numbers whose tokens are not sealed at all; `unreadable` ones cannot be opened."""

    rows: Sequence[Number] = ()
    unreadable: frozenset[str] = frozenset()

    async def number(self, number_id: str) -> Number | None:
        return next((row for row in self.rows if row.id == number_id), None)

    def credentials(self, number: Number) -> NumberCredentials | None:
        if number.id in self.unreadable:
            return None
        return NumberCredentials(
            number_id=number.id,
            phone_number_id=number.phone_number_id,
            access_token=number.sealed_token,
            base_url=number.base_url,
        )
