"""`PurgeRecords`: removes records after their account's retention, up to a checkpoint, so that the rest still verifies.

The rule: nothing is removed under a legal hold, or without a checkpoint that covers it and that the sink has. The age
of a record is the time since audit recorded it, by a clock that no other clock contradicts (`TrustedClock`).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

from libs.chassis.telemetry import logger
from libs.contracts.events import RecordsPurged
from libs.record.canonical import AT, FIELDS, RECORDED_AT, Link, account_of, has_format_1
from libs.record.checkpoints import Checkpoint, Purge, purge_from
from libs.record.keys import PublicKeys, SigningKey
from libs.store.accounts import Directory
from libs.store.chains import Chains, Checkpoints, Head, Purges
from libs.store.instants import instant_from, micros_from
from libs.store.job_leases import JobLeases
from libs.store.records import RecordFilter, Records
from libs.store.subjects import Subjects
from services.audit import metrics
from services.audit.handlers.purge_clock import TrustedClock
from services.audit.ports import Publisher

log = logger(__name__)
PAGE: Final = 1_000
LEASE_SECONDS: Final = 600.0
MAX_CLOCK_LEAD: Final = timedelta(days=1)
"""The clock counts at most so far ahead of the newest record."""
_CUSTOMER = FIELDS.index("customer_hash")
_EVENTS: Final = UUID("2f1d3c9e-7a55-5b7e-8d0e-1c5f7d9b6a30")
"""The namespace of the ids of RecordsPurged events: a purge has one event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeRecords:
    """A job for one replica, once a day. Safe to repeat, and to interrupt at any line."""

    directory: Directory
    chains: Chains
    checkpoints: Checkpoints
    purges: Purges
    records: Records
    subjects: Subjects
    job_leases: JobLeases
    publisher: Publisher
    key: SigningKey = field(repr=False)
    keys: PublicKeys
    clock: TrustedClock
    owner: str
    retention_days: int
    """Of the records without an account."""
    page: int = PAGE

    async def __call__(self) -> None:
        """Purge every chain, unless the clocks disagree, that was done today, or another replica does it."""
        now = await self.clock()
        if now is None:
            return
        job = f"purge:{now.date().isoformat()}"
        if not await self.job_leases.acquire(job, owner=self.owner, now=now, lease_seconds=LEASE_SECONDS):
            return
        for head in await self.chains.heads():
            await self.purge(head, now)
        await self.job_leases.complete(job, owner=self.owner, now=now)

    async def purge(self, head: Head, now: datetime) -> None:
        """Purge one chain as of `now` and publish the event; first finish an earlier purge that was interrupted."""
        if head.purge is not None:  # a purge is stored before its first record is removed
            if not self._is_trusted(head.purge):
                log.error("purge is forged: verify the record", seq=head.purge.seq)
                return
            if await self._remove(head, head.purge):
                await self._publish(head.chain, head.purge, instant_from(head.purge.at))
        days = await self._retention(head.chain)
        if days is None:
            return
        before = await self._reference_time(now) - timedelta(days=days)
        checkpoint = await self._checkpoint_before(head, before)
        if checkpoint is None:
            return
        purge = purge_from(checkpoint, at=max(micros_from(now), checkpoint.at), key=self.key)
        if await self._remove(head, purge):
            await self._publish(head.chain, purge, before)

    def _is_trusted(self, purge: Purge) -> bool:
        key = self.keys.get(purge.key)
        return key is not None and purge.is_signed_by(key)

    async def _retention(self, chain: str) -> int | None:
        """Days; None for an unknown account and for one under a legal hold."""
        account_id = account_of(chain)
        if account_id is None:
            return self.retention_days
        account = await self.directory.account(account_id)
        return None if account is None or account.legal_hold else account.retention_days

    async def _reference_time(self, now: datetime) -> datetime:
        page = await self.records.page(RecordFilter(), limit=1, cursor=None)
        newest = page.items[0].at if page.items else now
        return min(now, newest + MAX_CLOCK_LEAD)

    async def _checkpoint_before(self, head: Head, before: datetime) -> Checkpoint | None:
        """The newest shipped checkpoint whose records, and all records before them, are older than `before`."""
        unshipped = await self.checkpoints.first_unshipped(head.chain)
        after = 0 if head.purge is None else head.purge.seq
        old = await self._old_up_to(head.chain, after, micros_from(before))
        found: Checkpoint | None = None
        number = 0
        while page := await self.checkpoints.page(head.chain, after=number, limit=self.page):
            shipped = [c for c in page if unshipped is None or c.number < unshipped]
            found = next((c for c in reversed(shipped) if after < c.last <= old), found)
            if page[-1].last > old or len(shipped) < len(page):
                break
            number = page[-1].number
        return found

    async def _old_up_to(self, chain: str, after: int, before: int) -> int:
        """The seq up to which every record was recorded before `before`; of format 1, published before it."""
        while links := await self.chains.links(chain, after=after, limit=self.page):
            for link in links:
                at = link.values[AT] if has_format_1(link.values) else link.values[RECORDED_AT]
                if not isinstance(at, int) or at >= before:
                    return after
                after = link.seq
        return after

    async def _remove(self, head: Head, purge: Purge) -> bool:
        """Remove page by page; True when all are removed, False when a legal hold began meanwhile.

        The keys of persons whose last records are in a page are deleted first: a crash in between leaves records that
        cannot be decrypted, and no key without a record.
        """
        while await self._retention(head.chain) is not None:
            links = await self.chains.links(head.chain, after=None, limit=self.page)
            within: Sequence[Link] = [link for link in links if link.seq <= purge.seq]
            await self._delete_keys(within)
            removed = await self.purges.purge(purge, limit=self.page)
            metrics.PURGED.inc(removed)
            if not removed:
                return True
        return False

    async def _publish(self, chain: str, purge: Purge, before: datetime) -> None:
        id_ = uuid5(_EVENTS, f"{chain}:{purge.seq}")
        if await self.chains.position_of(str(id_)) is not None:
            return
        earlier = RecordFilter(account_id=account_of(chain), type=RecordsPurged.name)
        page = await self.records.page(earlier, limit=self.page, cursor=None)
        up_to = [int(r.details["up_to"]) for r in page.items if r.account_id == account_of(chain)]
        event = RecordsPurged(
            account_id=account_of(chain),
            up_to=purge.seq,
            count=purge.seq - max((seq for seq in up_to if seq < purge.seq), default=0),
            before=before,
        )
        await self.publisher.publish(event, id=id_, at=self.clock.clock())
        log.info("records purged", count=event.count)

    async def _delete_keys(self, links: Sequence[Link]) -> None:
        """Delete the keys of the persons who have no records besides these."""
        counts = Counter(str(name) for link in links if (name := link.values[_CUSTOMER]) is not None)
        for pseudonym, count in sorted(counts.items()):
            wanted = RecordFilter(customers=frozenset({pseudonym}))
            page = await self.records.page(wanted, limit=count + 1, cursor=None)
            if len(page.items) <= count:
                found = await self.subjects.find(pseudonyms=[pseudonym])
                await self.subjects.delete([subject.customer_key for subject in found])
