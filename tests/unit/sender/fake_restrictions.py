"""Restrictions, the registry and the leases of jobs in memory."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from libs.store.accounts import Number, Page
from libs.store.outbox import OutboxEvent
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
from tests.unit.sender.fake_provider import FakeNumbers


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
