"""Remove what is older than an account's retention, up to a checkpoint, so that what stays verifies.

The rule: nothing is removed under a legal hold, nothing that no checkpoint vouches for, and nothing on a clock's word
alone: what is "old" is reckoned from the newest record too, so a clock that runs ahead removes nothing early.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from uuid import UUID, uuid5

from libs.chassis.clock import Clock
from libs.chassis.telemetry import logger
from libs.contracts.events import Event, RecordsPurged
from libs.record.canonical import FIELDS, Link, account_of
from libs.record.checkpoints import Checkpoint, Purge, purge_from
from libs.record.keys import Keys, SigningKey
from libs.store.accounts import Directory
from libs.store.chains import Chains, Checkpoints, Head, Purges
from libs.store.errands import Errands
from libs.store.records import RecordFilter, Records
from libs.store.subjects import Subjects
from services.audit import metrics

log = logger(__name__)
PAGE: Final = 1_000
LEASE_SECONDS: Final = 600.0
AHEAD: Final = timedelta(days=1)
"""How far our clock may be ahead of the newest record of all before it is not believed."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_AT, _CUSTOMER = FIELDS.index("at"), FIELDS.index("customer_hash")
_EVENTS: Final = UUID("2f1d3c9e-7a55-5b7e-8d0e-1c5f7d9b6a30")
"""The namespace of the ids of the events that tell of purges: each is told once."""


class Publishes(Protocol):
    """Where it is told."""

    async def publish(self, event: Event, *, id: UUID, at: datetime | None = None) -> None:  # noqa: A002 -- as Broker
        """Return once `event` is confirmed; else raise GatewayError(gateway_unavailable). Safe to repeat."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeRecords:
    """Once a day, by one replica. Safe to repeat, and to be interrupted at any moment."""

    directory: Directory
    chains: Chains
    checkpoints: Checkpoints
    purges: Purges
    records: Records
    subjects: Subjects
    errands: Errands
    publisher: Publishes
    key: SigningKey = field(repr=False)
    keys: Keys
    clock: Clock
    owner: str
    retention_days: int
    """For the records that belong to no account."""
    page: int = PAGE

    async def __call__(self) -> None:
        """Purge every chain, unless that was done today or is being done."""
        errand = f"purge:{self.clock().date().isoformat()}"
        if not await self.errands.begin(errand, owner=self.owner, now=self.clock(), lease_seconds=LEASE_SECONDS):
            return
        for head in await self.chains.heads():
            await self.purge(head)
        await self.errands.finish(errand, owner=self.owner, now=self.clock())

    async def purge(self, head: Head) -> None:
        """Purge one chain, and tell of it; also of a purge that its maker could not tell of any more."""
        if head.purge is not None:  # of yesterday, or of somebody who died: the note comes before the deed
            if not self._is_ours(head.purge):
                log.error("purge is forged: verify the record", seq=head.purge.seq)
                return
            if await self._remove(head, head.purge):
                await self._tell(head.chain, head.purge, _instant(head.purge.at))
        days = await self._retention(head.chain)
        if days is None:
            return
        before = await self._now() - timedelta(days=days)
        checkpoint = await self._last_before(head, before)
        if checkpoint is None:
            return
        purge = purge_from(checkpoint, at=max(_micros(self.clock()), checkpoint.at), key=self.key)
        if await self._remove(head, purge):
            await self._tell(head.chain, purge, before)

    def _is_ours(self, purge: Purge) -> bool:
        key = self.keys.get(purge.key)
        return key is not None and purge.is_signed_by(key)

    async def _retention(self, chain: str) -> int | None:
        """Days; None for an account under a legal hold, or of which nothing is known."""
        account_id = account_of(chain)
        if account_id is None:
            return self.retention_days
        account = await self.directory.account(account_id)
        return None if account is None or account.legal_hold else account.retention_days

    async def _now(self) -> datetime:
        page = await self.records.page(RecordFilter(), limit=1, cursor=None)
        newest = page.items[0].at if page.items else self.clock()
        return min(self.clock(), newest + AHEAD)

    async def _last_before(self, head: Head, before: datetime) -> Checkpoint | None:
        """The newest checkpoint whose records, and all before them, are older than `before`."""
        after = 0 if head.purge is None else head.purge.seq
        old = await self._old_up_to(head.chain, after, _micros(before))
        found: Checkpoint | None = None
        number = 0
        while page := await self.checkpoints.page(head.chain, after=number, limit=self.page):
            found = next((c for c in reversed(page) if after < c.last <= old), found)
            if page[-1].last > old:
                break
            number = page[-1].number
        return found

    async def _old_up_to(self, chain: str, after: int, before: int) -> int:
        """The place up to which every record is older."""
        while links := await self.chains.links(chain, after=after, limit=self.page):
            for link in links:
                at = link.values[_AT]
                if not isinstance(at, int) or at >= before:
                    return after
                after = link.seq
        return after

    async def _remove(self, head: Head, purge: Purge) -> bool:
        """Remove page by page, asking each time whether a hold began meanwhile; True when all are gone.

        Whose last record goes with a page has their key destroyed first: who dies in between leaves a record that
        nobody can open, and not a key that nobody finds again.
        """
        while await self._retention(head.chain) is not None:
            links = await self.chains.links(head.chain, after=None, limit=self.page)
            within: Sequence[Link] = [link for link in links if link.seq <= purge.seq]
            await self._forget(within)
            removed = await self.purges.purge(purge, limit=self.page)
            metrics.PURGED.inc(removed)
            if not removed:
                return True
        return False

    async def _tell(self, chain: str, purge: Purge, before: datetime) -> None:
        id_ = uuid5(_EVENTS, f"{chain}:{purge.seq}")
        if await self.chains.place(str(id_)) is not None:
            return
        told = RecordFilter(account_id=account_of(chain), type=RecordsPurged.name)
        page = await self.records.page(told, limit=self.page, cursor=None)
        up_to = [int(r.details["up_to"]) for r in page.items if r.account_id == account_of(chain)]
        event = RecordsPurged(
            account_id=account_of(chain),
            up_to=purge.seq,
            count=purge.seq - max((seq for seq in up_to if seq < purge.seq), default=0),
            before=before,
        )
        await self.publisher.publish(event, id=id_, at=self.clock())
        log.info("records purged", count=event.count)

    async def _forget(self, going: Sequence[Link]) -> None:
        """Destroy the keys of those of whom nothing speaks but the records that go now."""
        counts = Counter(str(name) for link in going if (name := link.values[_CUSTOMER]) is not None)
        for pseudonym, count in sorted(counts.items()):
            wanted = RecordFilter(customers=frozenset({pseudonym}))
            page = await self.records.page(wanted, limit=count + 1, cursor=None)
            if len(page.items) <= count:
                found = await self.subjects.find(pseudonyms=[pseudonym])
                await self.subjects.forget([subject.customer_key for subject in found])


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
