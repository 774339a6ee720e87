"""Stand-ins with state for what sender talks to; each step can be the one at which the process dies."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from libs.contracts.errors import unavailable
from libs.store.accounts import Number
from libs.store.claiming import (
    Bucket,
    Entry,
    State,
    bucket_id,
    bucket_ids,
    held,
    in_line,
    kept_by_another,
    objection_to,
    slots_for,
)
from libs.store.conversations import Suppression
from libs.store.ledger import Claim, ClaimAnswer, Claimed, Finished, Held, TooFast
from libs.store.outbox import Posted
from libs.store.progress import Progress
from libs.store.statuses import Known, Told
from services.sender.domain.consequences import Pause
from services.sender.domain.messages import NumberCredentials, Outgoing
from services.sender.domain.outcomes import Accepted, Outcome, Unsure

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
        behind = in_line(claim, self.entries.get(claim.after or ""))
        if behind is not None:
            return behind
        slots = slots_for(claim, self.buckets)
        if isinstance(slots, TooFast):
            return slots
        for name, tat in zip(bucket_ids(claim), slots.tats, strict=False):
            self.buckets[name] = replace(self.buckets.get(name, Bucket()), tat=tat)
        attempt = entry.attempt + 1 if entry is not None else 1
        until = claim.now + timedelta(seconds=slots.wait + claim.lease_seconds)
        self.entries[claim.event_id] = Entry(State.CALLING, claim.owner, attempt, until, None)
        self.claimed[claim.event_id] = claim
        return Claimed(slots.wait, attempt)

    async def failed_surely(self, event_id: str, *, owner: str, until: datetime) -> None:
        await self._reached()
        entry = self.entries[event_id]
        if entry.owner == owner and entry.state == State.CALLING:
            self.entries[event_id] = replace(entry, state=State.WAITING, until=until)
        await self.world.step()

    async def finish(
        self, event_id: str, outcome: bytes, *, now: datetime, message_id: str | None = None, owner: str | None = None
    ) -> Finished | Held:
        await self._reached()
        entry = self.entries.get(event_id)
        kept = kept_by_another(entry, owner, now)
        if kept is not None:
            return kept
        if message_id is not None:
            self.message_ids.setdefault(event_id, message_id)
        if entry is None or entry.outcome is None:
            entry = self.entries[event_id] = Entry(State.FINISHED, "", 1, now, outcome)
        await self.world.step()
        return Finished(entry.outcome or b"")

    async def tell(self, told: Told) -> Known | None:
        await self._reached()
        event_id = told.event_id if told.event_id in self.claimed else self._named(told.message_id)
        if event_id is None or self.claimed[event_id].number_id != told.number_id:
            return None
        self.message_ids.setdefault(event_id, told.message_id)
        self.progress[event_id] = self.progress.get(event_id, Progress()).with_step(told.step)
        await self.world.step()
        return await self.of(event_id)

    async def of(self, event_id: str) -> Known | None:
        claim = self.claimed.get(event_id)
        if claim is None:
            return None
        return Known(
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
        self.buckets[name] = held(self.buckets.get(name, Bucket()), until.timestamp(), slow_down)
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
    outcomes: list[Outcome] = field(default_factory=list)
    offered: list[Outgoing] = field(default_factory=list)
    took: list[Outgoing] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def send(self, number: NumberCredentials, outgoing: Outgoing) -> Outcome:
        await self.world.step()
        self.offered.append(outgoing)
        outcome = self.outcomes.pop(0) if self.outcomes else Accepted(message_id=f"wamid.{len(self.offered)}")
        if isinstance(outcome, Accepted | Unsure):
            self.took.append(outgoing)
        if self.gate is not None:
            await self.gate.wait()
        await self.world.step()
        return outcome


@dataclass
class FakeReservations:
    """Counts what was given back, once per event."""

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


@dataclass
class FakeWindows:
    """Remembers which windows were closed, and when."""

    world: World
    closed: dict[tuple[str, str], datetime] = field(default_factory=dict)

    async def window_closed(self, number_id: str, customer_key: str, at: datetime) -> None:
        await self.world.step()
        self.closed[number_id, customer_key] = at


@dataclass
class FakeStops:
    """Who wants no messages, or no marketing; a row is written once."""

    rows: dict[str, Suppression] = field(default_factory=dict)

    async def page(
        self, *, account_id: str | None, customer_key: str | None, after: str | None, limit: int
    ) -> Sequence[Suppression]:
        return [row for key, row in self.rows.items() if key == customer_key and row.active]

    async def suppress(self, suppression: Suppression, events: Sequence[Posted]) -> Suppression:
        return self.rows.setdefault(suppression.customer_key, suppression)


@dataclass
class FakePauses:
    """Which numbers were paused, and for what."""

    paused: dict[str, Pause] = field(default_factory=dict)

    async def pause(self, pause: Pause) -> bool:
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
            number_id=number.id, phone_number_id=number.phone_number_id, access_token=number.sealed_token
        )
