"""Stand-ins with state for what sender talks to; each step can be the one at which the process dies."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from libs.contracts.errors import unavailable
from libs.contracts.pacing import next_slot
from libs.store.accounts import Number
from libs.store.ledger import Claim, ClaimAnswer, Claimed, Finished, Held, Lapsed, TooFast
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
class Entry:
    state: str
    owner: str
    until: datetime
    attempt: int = 1
    outcome: bytes = b""


@dataclass
class FakeLedger:
    """A ledger in a dict, with the states and the pace of the real ones; `away` counts calls that fail."""

    world: World
    entries: dict[str, Entry] = field(default_factory=dict)
    tats: dict[str, float] = field(default_factory=dict)
    held: dict[str, datetime] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)
    slowed: list[tuple[str, float]] = field(default_factory=list)
    away: int = 0

    async def claim(self, claim: Claim) -> ClaimAnswer:
        await self._reached()
        answer = self._claim(claim)
        await self.world.step()
        return answer

    def _claim(self, claim: Claim) -> ClaimAnswer:
        self.claims.append(claim)
        entry = self.entries.get(claim.event_id)
        if entry is not None and entry.state == "finished":
            return Finished(entry.outcome)
        if entry is not None and entry.state == "calling":
            return Held(entry.until) if claim.now < entry.until else Lapsed(entry.attempt)
        if entry is not None and entry.owner != claim.owner and claim.now < entry.until:
            return Held(entry.until)
        wait, scope = self._turn(claim)
        if wait > claim.pace.smooth:
            return TooFast(wait, scope)
        self._take(claim)
        attempt = entry.attempt + 1 if entry is not None else 1
        until = claim.now + timedelta(seconds=wait + claim.lease_seconds)
        self.entries[claim.event_id] = Entry("calling", claim.owner, until, attempt)
        return Claimed(wait, attempt)

    def _buckets(self, claim: Claim) -> list[tuple[str, str, float, int]]:
        pair = f"{claim.number_id}:{claim.customer_key}"
        pace = claim.pace
        return [
            (claim.number_id, "number", pace.number_rate, pace.number_burst),
            (pair, "pair", 1 / pace.pair_interval, pace.pair_burst),
        ]

    def _turn(self, claim: Claim) -> tuple[float, str]:
        now = claim.now.timestamp()
        waits = [
            (next_slot(self.tats.get(key, 0.0), now, rate_per_s=rate, burst=burst).wait_s, scope)
            for key, scope, rate, burst in self._buckets(claim)
        ]
        keys = {"number": claim.number_id, "pair": f"{claim.number_id}:{claim.customer_key}"}
        keys |= {"account": claim.account_id, "app": "app"}
        waits += [
            ((self.held[f"{scope} {key}"] - claim.now).total_seconds(), scope)
            for scope, key in keys.items()
            if f"{scope} {key}" in self.held
        ]
        return max(waits)

    def _take(self, claim: Claim) -> None:
        for key, _, rate, burst in self._buckets(claim):
            now = claim.now.timestamp()
            self.tats[key] = next_slot(self.tats.get(key, 0.0), now, rate_per_s=rate, burst=burst).tat

    async def failed_surely(self, event_id: str, *, owner: str, until: datetime) -> None:
        await self._reached()
        entry = self.entries[event_id]
        if entry.owner == owner and entry.state == "calling":
            entry.state, entry.until = "waiting", until
        await self.world.step()

    async def finish(self, event_id: str, outcome: bytes, *, now: datetime, message_id: str | None = None) -> Finished:
        await self._reached()
        entry = self.entries.setdefault(event_id, Entry("new", "", now))
        if entry.state != "finished":
            entry.state, entry.outcome = "finished", outcome
        await self.world.step()
        return Finished(entry.outcome)

    async def hold(self, *, scope: str, key: str, until: datetime, slow_down: float = 1.0) -> None:
        await self._reached()
        self.held[f"{scope} {key}"] = until
        self.slowed.append((scope, slow_down))
        await self.world.step()

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
