"""The ledger in memory: claims, statuses and paces, with the rules of the real one."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from libs.contracts.errors import unavailable
from libs.store.claim_rules import (
    Bucket,
    Entry,
    State,
    blocked_by,
    bucket_after_hold,
    bucket_id,
    bucket_ids,
    claim_of_other_owner,
    erased_during,
    objection_to,
    slots_for,
)
from libs.store.ledger import Claim, ClaimAnswer, Claimed, ClaimInProgress, Finished, RateLimited
from libs.store.progress import Progress
from libs.store.statuses import StatusUpdate, TrackedMessage
from tests.unit.sender.fake_world import World


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
    met_by_erasures: set[str] = field(default_factory=set)
    """Events whose calls an erasure has marked."""
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
        slots = slots_for(claim, self.buckets, at=claim.now)
        if isinstance(slots, RateLimited):
            return slots
        self.buckets |= dict(zip(bucket_ids(claim), slots.buckets, strict=False))
        attempt = entry.attempt + 1 if entry is not None else 1
        until = claim.now + timedelta(seconds=slots.wait + claim.lease_seconds)
        self.entries[claim.event_id] = Entry(State.CALLING, claim.owner, attempt, until, None)
        self.claimed[claim.event_id] = claim
        return Claimed(slots.wait, attempt)

    async def mark_not_sent(self, event_id: str, *, owner: str, until: datetime, counts: bool = True) -> None:
        await self._reached()
        entry = self.entries[event_id]
        if entry.owner == owner and entry.state == State.CALLING:
            self.entries[event_id] = replace(
                entry, state=State.WAITING, until=until, attempt=entry.attempt - (not counts)
            )
        await self.world.step()

    async def finish(
        self,
        event_id: str,
        outcome: bytes,
        *,
        now: datetime,
        message_id: str | None = None,
        owner: str | None = None,
        forget: bool = False,
    ) -> Finished | ClaimInProgress:
        await self._reached()
        entry = self.entries.get(event_id)
        during = None if entry is None else erased_during(entry.state, erased=event_id in self.met_by_erasures)
        kept = claim_of_other_owner(entry, owner, now)
        if kept is not None:
            return kept
        if message_id is not None:
            self.message_ids.setdefault(event_id, message_id)
        if entry is None or entry.outcome is None:
            entry = self.entries[event_id] = Entry(State.FINISHED, "", 1, now, outcome)
        if forget and event_id in self.claimed:
            self.claimed[event_id] = replace(self.claimed[event_id], customer_key="", contact=None, fallback=None)
        await self.world.step()
        return Finished(entry.outcome or b"", during)

    async def apply(self, told: StatusUpdate) -> TrackedMessage | None:
        await self._reached()
        event_id = told.event_id if told.event_id in self.claimed else self._named(told.message_id)
        if event_id is None or self.claimed[event_id].number_id != told.number_id:
            return None
        if told.follows is not None and not self.progress.get(event_id, Progress()).has(told.follows):
            return await self.find(event_id)
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
            fallback=None if self.progress.get(event_id, Progress()).status.reached else claim.fallback,
            contact=claim.contact,
        )

    async def find_message(self, number_id: str, message_id: str) -> TrackedMessage | None:
        named = self._named(message_id)
        return None if named is None else await self.find(named)

    def _named(self, message_id: str) -> str | None:
        return next((event for event, name in self.message_ids.items() if name == message_id), None)

    async def hold(self, *, scope: str, key: str, until: datetime, now: datetime, slow_down: float = 1.0) -> None:
        await self._reached()
        name = bucket_id(scope, key)
        before = self.buckets.get(name, Bucket())
        self.buckets[name] = bucket_after_hold(before, until.timestamp(), slow_down, now=now.timestamp())
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
