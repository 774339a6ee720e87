"""Stand-ins with state for what sender talks to; each step can be the one at which the process dies."""

import asyncio
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO
from uuid import UUID

from libs.contracts.content import MediaRequest
from libs.contracts.errors import unavailable
from libs.contracts.events import MessageApproved
from libs.contracts.known_templates import KnownTemplate
from libs.providers.cloud_api.responses import ERRORS
from libs.providers.errors import ErrorTable
from libs.providers.outcomes import Accepted, OutcomeUnknown, ProbeOutcome, SendOutcome, Uploaded, UploadOutcome, Usable
from libs.providers.outgoing import MediaFile, NumberCredentials, Outgoing
from libs.store.accounts import Number, Page
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
from libs.store.conversations import Suppression, SuppressionKind
from libs.store.decisions import Cooldown, CoolingDown, DecisionResult, FactsQuery, Proposal, StoredFacts
from libs.store.inbound_messages import InboundMessage
from libs.store.ledger import Claim, ClaimAnswer, Claimed, ClaimInProgress, Finished, RateLimited
from libs.store.outbox import OutboxEvent
from libs.store.progress import Progress
from libs.store.restriction_effects import probe_is_due
from libs.store.restrictions import (
    Added,
    EventsOf,
    Restriction,
    RestrictionKind,
    RestrictionScope,
    Subject,
    slot_of,
    slots_of,
)
from libs.store.statuses import StatusUpdate, TrackedMessage
from libs.store.templates import SYNC_EVERY, Synchronisation
from services.sender.domain.outbound_files import NoFile

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


@dataclass
class FakeProvider:
    """Plays outcomes back, then accepts; `took` is what a customer would have got."""

    world: World
    errors: ErrorTable = ERRORS
    outcomes: list[SendOutcome] = field(default_factory=list)
    offered: list[Outgoing] = field(default_factory=list)
    took: list[Outgoing] = field(default_factory=list)
    gate: asyncio.Event | None = None
    probes: list[ProbeOutcome] = field(default_factory=list)
    probed: list[str] = field(default_factory=list)

    async def probe(self, number: NumberCredentials, *, throughput: bool = False) -> ProbeOutcome:
        await self.world.step()
        self.probed.append(number.number_id)
        return self.probes.pop(0) if self.probes else Usable(1000.0 if throughput else None)

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


@dataclass(frozen=True)
class FakeFile:
    """A fetched file."""

    file: BinaryIO
    declared: str | None = None


@dataclass
class FakeFiles:
    """Gives each address its content; `deleted` are the uploads that were sent."""

    world: World
    contents: dict[str, bytes | NoFile] = field(default_factory=dict)
    gets: int = 0
    opened: list[BinaryIO] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)

    async def get(self, media: MediaRequest, account_id: str) -> FakeFile | NoFile:
        await self.world.step()
        self.gets += 1
        found = self.contents.get(media.url or media.upload_id or "", NoFile("not_found"))
        if isinstance(found, NoFile):
            return found
        file = tempfile.TemporaryFile()  # noqa: SIM115 -- the sender closes it
        file.write(found)
        self.opened.append(file)
        return FakeFile(file)

    async def delete(self, media: MediaRequest) -> None:
        await self.world.step()
        if media.upload_id is not None:
            self.deleted.append(media.upload_id)


@dataclass
class FakeUploads:
    """Plays outcomes back, then takes every file; `taken` are the contents."""

    world: World
    outcomes: list[UploadOutcome] = field(default_factory=list)
    calls: int = 0
    taken: list[bytes] = field(default_factory=list)

    async def upload(self, number: NumberCredentials, file: MediaFile) -> UploadOutcome:
        await self.world.step()
        self.calls += 1
        outcome = self.outcomes.pop(0) if self.outcomes else Uploaded(f"media-{self.calls}")
        if isinstance(outcome, Uploaded):
            with file.open() as content:
                self.taken.append(content.read())
        await self.world.step()
        return outcome


@dataclass
class FakeReceipts:
    """The replies whose receipts began: the event's id, and whether the reply waited."""

    begun: list[tuple[UUID, bool]] = field(default_factory=list)

    def begin(self, approved: MessageApproved, *, waits: bool = False) -> None:
        self.begun.append((approved.event_id, waits))


@dataclass
class FakeTemplates:
    """Known templates by owner; the dates as in the store, without a take."""

    known: dict[str, list[KnownTemplate]] = field(default_factory=dict)
    states: dict[str, Synchronisation] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)

    async def of_name(self, owner: str, name: str) -> Sequence[KnownTemplate]:
        return [each for each in self.known.get(owner, ()) if each.name == name]

    async def all_of(self, owner: str) -> Sequence[KnownTemplate]:
        return self.known.get(owner, [])

    async def replace(self, owner: str, templates: Sequence[KnownTemplate], *, at: datetime) -> None:
        self.known[owner] = list(templates)
        due = at + SYNC_EVERY
        self.states[owner] = Synchronisation(owner=owner, synced_at=at, due_at=due, templates=len(templates))

    async def note_problem(self, owner: str, problem: str, *, at: datetime, due_at: datetime) -> None:
        before = self.states[owner]
        self.states[owner] = replace(before, problem=problem, due_at=due_at)

    async def request(self, owner: str, number_id: str, at: datetime) -> None:
        self.numbers[owner] = number_id
        before = self.states.get(owner) or Synchronisation(owner=owner, synced_at=None, due_at=at)
        self.states[owner] = replace(before, due_at=min(before.due_at, at))

    async def due(self, now: datetime, limit: int) -> Sequence[tuple[str, str]]:
        return [(each.owner, self.numbers.get(each.owner, "")) for each in self.states.values() if each.due_at <= now]

    async def take(self, owner: str, *, now: datetime, until: datetime) -> bool:
        before = self.states[owner]
        self.states[owner] = replace(before, due_at=until)
        return before.due_at <= now

    async def synchronisation(self, owner: str) -> Synchronisation | None:
        return self.states.get(owner)


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


@dataclass
class FakeRestrictions:
    """Restrictions in a dict by slot, by the rules of the real ones; `events` is what went to the outbox."""

    rows: dict[str, Restriction] = field(default_factory=dict)
    lifted: dict[str, datetime] = field(default_factory=dict)
    events: list[OutboxEvent] = field(default_factory=list)

    async def add(self, restriction: Restriction, events: Sequence[OutboxEvent]) -> Added:
        slot, old = restriction.slot, self.rows.get(restriction.slot)
        at = restriction.since.replace(microsecond=0)
        if slot in self.lifted and at < self.lifted[slot].replace(microsecond=0):
            return Added(None, fresh=False)
        if old is not None:
            if at > (old.reported_at or old.since).replace(microsecond=0):
                self.rows[slot] = replace(
                    restriction, id=old.id, since=old.since, by=old.by, reported_at=restriction.since
                )
            return Added(self.rows[slot], fresh=False)
        self.rows[slot] = replace(restriction, reported_at=restriction.since)
        self.events += events
        return Added(self.rows[slot], fresh=True)

    async def lift(
        self, account_id: str, subject: Subject, kind: RestrictionKind, *, at: datetime, events: EventsOf
    ) -> Restriction | None:
        slot = slot_of(account_id, subject, kind)
        self.lifted[slot] = at
        row = self.rows.pop(slot, None)
        if row is not None:
            self.events += events(row)
        return row

    async def claim_probe(self, restriction: Restriction, *, now: datetime, next_at: datetime) -> bool:
        row = self.rows.get(restriction.slot)
        if row is None or not probe_is_due(row, now):
            return False
        self.rows[restriction.slot] = replace(row, probe_at=next_at)
        return True

    async def standing(self, account_id: str, subjects: Collection[Subject], now: datetime) -> Sequence[Restriction]:
        slots = slots_of(account_id, subjects)
        return [row for slot, row in self.rows.items() if slot in slots and row.stands_at(now)]

    async def get(self, restriction_id: str, now: datetime) -> Restriction | None:
        raise NotImplementedError

    async def page(
        self,
        *,
        account_id: str | None,
        scope: RestrictionScope | None,
        after: str | None,
        limit: int,
        now: datetime,
    ) -> Sequence[Restriction]:
        rows = sorted(self.rows.values(), key=lambda row: row.id)
        return [row for row in rows if scope in (None, row.subject.scope) and row.id > (after or "")][:limit]

    def kinds(self) -> list[tuple[str, str]]:
        """Kind and key of each."""
        return sorted((row.kind.value, row.subject.key) for row in self.rows.values())

    def names(self) -> list[str]:
        """The names of the events."""
        return [event.name for event in self.events]


@dataclass
class FakeRegistry:
    """The numbers of `numbers`, by page and by business account."""

    numbers: "FakeNumbers"

    async def page(self, kind: type[Any], page: Page) -> Sequence[Any]:
        rows = sorted(self.numbers.rows, key=lambda row: row.id)
        return [row for row in rows if row.id > (page.after or "")][: page.limit]

    async def save(self, row: Any, events: Sequence[OutboxEvent], *, created: bool) -> bool:
        raise NotImplementedError

    async def integrations_of(self, number_id: str) -> Sequence[Any]:
        raise NotImplementedError

    async def numbers_of(self, business_account_id: str) -> Sequence[Number]:
        return [row for row in self.numbers.rows if row.business_account_id == business_account_id]


@dataclass
class FakeJobLeases:
    """Leases in a dict."""

    leases: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    async def acquire(self, job_id: str, *, owner: str, now: datetime, lease_seconds: float) -> bool:
        holder, until = self.leases.get(job_id, (owner, now))
        if holder != owner and until > now:
            return False
        self.leases[job_id] = (owner, now + timedelta(seconds=lease_seconds))
        return True

    async def complete(self, job_id: str, *, owner: str, now: datetime) -> bool:
        raise NotImplementedError


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
