"""Purges by retention: up to a checkpoint, never under a hold, with one event, and verifiable at every moment."""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from libs.chassis.clock import utc_now
from libs.contracts.errors import GatewayError, unavailable
from libs.contracts.events import Event, RecordsPurged
from libs.record.checkpoints import Purge
from libs.record.faults import FaultKind, VerificationResult
from libs.store.purge_clock import PurgeClock
from libs.store.records import Record, RecordFilter
from libs.store.store import Store
from libs.store.subjects import Subject
from services.audit import metrics
from services.audit.domain.clocks import Disagreement
from services.audit.handlers.purge_clock import TrustedClock
from services.audit.handlers.purges import LEASE_SECONDS, PurgeRecords
from tests.contract.store.builders import NOW, a_record, an_account
from tests.contract.store.test_chains import seal, verdict_of
from tests.unit.record.chains import KEY, KEYS

DAY = timedelta(days=1)


@dataclass
class Told:
    """Publishes to a record that is written at once."""

    store: Store
    events: list[RecordsPurged] = field(default_factory=list)
    silent: bool = False

    async def publish(self, event: Event, *, id: UUID, at: datetime | None = None) -> None:  # noqa: A002 -- as Broker
        if self.silent:
            raise unavailable("broker")
        assert isinstance(event, RecordsPurged)
        details = {"up_to": event.up_to}
        line = Record(id=str(id), at=at or NOW, type=event.name, account_id=event.account_id, details=details)
        if await self.store.records.append([line]):
            self.events.append(event)


@dataclass
class WithServerTime:
    """The store's `PurgeClock`, and the time of a server that tests choose: their clock is far in the future."""

    rest: PurgeClock
    server: datetime | None

    async def accepted(self) -> datetime | None:
        return await self.rest.accepted()

    async def accept(self, at: datetime) -> None:
        await self.rest.accept(at)

    async def server_time(self) -> datetime | None:
        return self.server


@dataclass
class Job:
    """The job, its clock and what it told."""

    store: Store
    told: Told
    now: datetime = NOW
    accepted: datetime | None = None
    """The time of the last look; None: an hour ago."""
    server: datetime | None = None
    shipped: bool = True

    async def __call__(self, **ports: Any) -> None:
        if self.shipped:
            await self.store.checkpoints.mark_shipped(await self.store.checkpoints.unshipped(1_000))
        await self.store.purge_clock.accept(self.accepted or self.now - timedelta(hours=1))
        known = {
            name: getattr(self.store, name)
            for name in ("directory", "chains", "checkpoints", "purges", "records", "subjects", "job_leases")
        }
        await PurgeRecords(
            **known | ports,
            publisher=self.told,
            key=KEY,
            keys=KEYS,
            clock=TrustedClock(
                clock=lambda: self.now,
                accepted=WithServerTime(self.store.purge_clock, self.server),
                chains=self.store.chains,
                records=self.store.records,
            ),
            owner="audit-1",
            retention_days=30,
        )()


@pytest.fixture
def job(store: Store) -> Job:
    return Job(store, Told(store))


async def an_old_record(store: Store, *, account: dict[str, Any] | None = None, records: int = 10) -> None:
    """One record a day, the last of them today, under checkpoints of two."""
    await store.registry.save(an_account("acc-1", **({"retention_days": 5} | (account or {}))), [], created=True)
    days = range(records - 1, -1, -1)
    made = [a_record(f"r{n}", at=NOW - n * DAY, customer_hash=f"p{n}") for n in days]
    for pair in zip(made[::2], made[1::2], strict=True):
        await store.records.append(pair)
        await seal(store, every=2)


async def left(store: Store, **wanted: Any) -> list[str]:
    page = await store.records.page(RecordFilter(type="webhook.received", **wanted), limit=100, cursor=None)
    return sorted(record.id for record in page.items)


async def verified(store: Store) -> VerificationResult:
    verdict = await verdict_of(store)
    assert verdict.ok, verdict
    return verdict


async def test_what_is_older_than_the_retention_goes_up_to_a_checkpoint(store: Store, job: Job) -> None:
    await an_old_record(store)

    await job()

    # Five days are r0 to r5; r5 is as old as it may be, and shares its checkpoint with r4.
    assert await left(store) == ["r0", "r1", "r2", "r3", "r4", "r5"]
    assert [(event.account_id, event.up_to, event.count) for event in job.told.events] == [("acc-1", 4, 4)]
    await verified(store)


async def test_a_checkpoint_that_covers_anything_younger_stays(store: Store, job: Job) -> None:
    await an_old_record(store, account={"retention_days": 4})

    await job()

    assert await left(store) == ["r0", "r1", "r2", "r3", "r4", "r5"]


async def test_nothing_goes_that_no_checkpoint_vouches_for(store: Store, job: Job) -> None:
    await store.registry.save(an_account("acc-1", retention_days=5), [], created=True)
    await store.records.append([a_record("r0", at=NOW - 90 * DAY), a_record("new", at=NOW)])

    await job()

    assert await left(store) == ["new", "r0"]
    assert job.told.events == []


async def test_each_account_has_its_own_retention_and_records_without_account_the_deployments(
    store: Store, job: Job
) -> None:
    await an_old_record(store)
    await store.registry.save(an_account("acc-2", retention_days=100), [], created=True)
    for chain, account_id in (("acc-2", "acc-2"), ("-", None)):
        await store.records.append([a_record(f"{chain}-old", at=NOW - 40 * DAY, account_id=account_id)])
        await seal(store, chain)

    await job()

    found = await left(store)
    assert ("acc-2-old" in found, "--old" in found, "r9" in found) == (True, False, False)
    await verified(store)


async def test_an_unknown_account_keeps_its_records(store: Store, job: Job) -> None:
    await store.records.append([a_record("r0", at=NOW - 900 * DAY), a_record("r1", at=NOW)])
    await seal(store, every=1)

    await job()

    assert await left(store) == ["r0", "r1"]


async def test_a_legal_hold_stops_it_and_its_end_lets_it_go_on(store: Store, job: Job) -> None:
    await an_old_record(store, account={"legal_hold": True})

    await job()
    held = await left(store)
    account = await store.directory.account("acc-1")
    assert account is not None
    await store.registry.save(account.model_copy(update={"legal_hold": False, "version": 2}), [], created=False)
    job.now += DAY
    await job()

    assert len(held) == 10
    assert await left(store) == ["r0", "r1", "r2", "r3", "r4", "r5"]


async def test_a_hold_that_begins_half_way_keeps_the_rest(store: Store, job: Job) -> None:
    await an_old_record(store)

    @dataclass
    class Holding:
        """Purges that let a hold begin after the first page."""

        async def purge(self, purge: Purge, *, limit: int) -> int:
            removed = await store.purges.purge(purge, limit=limit)
            account = await store.directory.account("acc-1")
            assert account is not None
            changed = account.model_copy(update={"legal_hold": True, "version": account.version + 1})
            await store.registry.save(changed, [], created=False)
            return removed

    await job(purges=Holding(), page=1)

    assert len(await left(store)) == 9
    assert job.told.events == []
    await verified(store)


async def test_it_is_done_once_a_day_by_one_of_many(store: Store, job: Job) -> None:
    await an_old_record(store)
    await job()
    await store.records.append([a_record("older", at=NOW - 400 * DAY)])

    await job()
    job.now -= 3 * DAY
    await job()

    assert len(job.told.events) == 1


async def test_the_next_day_goes_on_where_the_last_ended(store: Store, job: Job) -> None:
    await an_old_record(store)
    await job()
    await seal(store)

    for _ in range(2):
        job.now += 2 * DAY
        await store.records.append([a_record(f"n{job.now.day}", at=job.now)])
        await seal(store)
        await job()

    assert [(event.up_to, event.count) for event in job.told.events] == [(4, 4), (6, 2), (8, 2)]
    await verified(store)


async def test_a_clock_that_runs_ahead_removes_nothing_early(store: Store, job: Job) -> None:
    await an_old_record(store)
    job.now += 4000 * DAY

    await job()

    assert await left(store) == ["r0", "r1", "r2", "r3", "r4", "r5"]


async def test_a_clock_that_runs_behind_removes_less(store: Store, job: Job) -> None:
    await an_old_record(store)
    job.now -= DAY

    await job()

    assert await left(store) == ["r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7"]


async def test_a_forged_purge_is_not_carried_out(store: Store, job: Job) -> None:
    await an_old_record(store)
    (head,) = await store.chains.heads("acc-1")
    assert head.checkpoint is not None
    forged = Purge(chain="acc-1", at=0, key=KEY.kid, signature=b"no", seq=10, head=head.checkpoint.head)
    await store.purges.purge(forged, limit=1)

    await job()

    verdict = await verdict_of(store)
    assert len(await left(store)) == 9
    assert verdict.first_fault is not None
    assert verdict.first_fault.kind is FaultKind.FORGED_PURGE


@pytest.mark.parametrize("calls", range(8))
async def test_a_purge_that_dies_anywhere_is_finished_with_one_event(store: Store, job: Job, calls: int) -> None:
    await an_old_record(store)
    await store.subjects.add([Subject(f"c{n}", f"p{n}", "sealed") for n in range(10)])
    dying = Dying(store, calls)

    with suppress(GatewayError):
        await job(purges=dying, job_leases=dying, page=2)
    await verified(store)
    job.now += timedelta(seconds=LEASE_SECONDS)
    await job()

    assert await left(store) == ["r0", "r1", "r2", "r3", "r4", "r5"]
    assert [event.up_to for event in job.told.events] == [4]
    assert len(await store.subjects.find(customer_keys=[f"c{n}" for n in range(10)])) == 6  # of nobody else
    await verified(store)


@dataclass
class Dying:
    """Purges and job leases of a process that dies after so many calls, the last of which is carried out."""

    store: Store
    calls: int

    async def purge(self, purge: Purge, *, limit: int) -> int:
        removed = await self.store.purges.purge(purge, limit=limit)
        self._called()
        return removed

    async def acquire(self, job_id: str, *, owner: str, now: datetime, lease_seconds: float) -> bool:
        begun = await self.store.job_leases.acquire(job_id, owner=owner, now=now, lease_seconds=lease_seconds)
        self._called()
        return begun

    async def complete(self, job_id: str, *, owner: str, now: datetime) -> bool:
        finished = await self.store.job_leases.complete(job_id, owner=owner, now=now)
        self._called()
        return finished

    def _called(self) -> None:
        self.calls -= 1
        if self.calls < 0:
            raise unavailable("store")


async def test_a_purge_whose_event_was_not_published_is_published_by_the_next_run(store: Store, job: Job) -> None:
    await an_old_record(store)
    job.told.silent = True
    with suppress(GatewayError):
        await job()
    job.told.silent = False

    job.now += timedelta(seconds=LEASE_SECONDS)
    await job()

    assert [(event.up_to, event.count) for event in job.told.events] == [(4, 4)]


async def test_keys_of_persons_without_records_are_deleted(store: Store, job: Job) -> None:
    await an_old_record(store)
    await store.records.append([replace(a_record("again"), customer_hash="p8")])
    await store.subjects.add([Subject(f"c{n}", f"p{n}", "sealed") for n in range(10)])

    await job()

    known = await store.subjects.find(customer_keys=[f"c{n}" for n in range(10)])
    assert sorted(subject.pseudonym for subject in known) == ["p0", "p1", "p2", "p3", "p4", "p5", "p8"]


def stopped_by() -> set[str]:
    return {each.value for each in Disagreement if metrics.PURGE_STOPPED.labels(each.value)._value.get()}


async def fresh_records(store: Store, *, at: datetime = NOW, recorded: datetime | None = None, count: int = 10) -> None:
    """Records of today, under shipped checkpoints; they are kept for 5 days."""
    await store.registry.save(an_account("acc-1", retention_days=5), [], created=True)
    made = [
        replace(a_record(f"f{n}", at=at), producer="sender", recorded_at=(recorded or at) + n * timedelta(seconds=1))
        for n in range(count)
    ]
    await store.records.append(made)
    await seal(store, every=2)


async def test_a_clock_that_jumps_sixty_days_removes_nothing_although_events_have_its_time_too(
    store: Store, job: Job
) -> None:
    await fresh_records(store)
    job.now, job.accepted = NOW + 60 * DAY, NOW
    await store.records.append([replace(a_record("wrong", at=job.now), producer="sender", recorded_at=job.now)])

    await job()

    assert len(await left(store)) == 11
    assert stopped_by() == {"jump"}
    assert job.told.events == []


async def test_it_goes_on_once_an_operator_has_confirmed_the_time(store: Store, job: Job) -> None:
    await fresh_records(store)
    job.now, job.accepted = NOW + 60 * DAY, NOW
    await store.records.append([replace(a_record("late", at=job.now), producer="sender", recorded_at=job.now)])
    await job()

    job.accepted = job.now
    await job()

    assert await left(store) == ["late"]
    assert stopped_by() == set()


@pytest.mark.parametrize("days", [60, -60])
async def test_a_clock_that_the_stores_server_contradicts_removes_nothing(store: Store, job: Job, days: int) -> None:
    await an_old_record(store)
    job.server = NOW + days * DAY

    await job()

    assert len(await left(store)) == 10
    assert stopped_by() == {"store"}


async def test_a_clock_that_all_other_services_contradict_removes_nothing(store: Store, job: Job) -> None:
    await fresh_records(store, at=NOW - 60 * DAY, recorded=NOW)

    await job()

    assert len(await left(store)) == 10
    assert stopped_by() == {"producers"}


async def test_a_first_look_compares_the_clock_with_the_newest_checkpoint(store: Store) -> None:
    await fresh_records(store)
    clock = TrustedClock(
        clock=lambda: NOW, accepted=WithServerTime(store.purge_clock, None), chains=store.chains, records=store.records
    )

    found = await clock()  # the checkpoints of this test are of 1970

    assert (found, stopped_by()) == (None, {"jump"})
    assert await store.purge_clock.accepted() is None


async def test_age_is_the_time_since_a_record_was_recorded_not_since_it_claims_to_have_happened(
    store: Store, job: Job
) -> None:
    await fresh_records(store, at=NOW - 300 * DAY, recorded=NOW - 3 * DAY)

    await job()

    assert len(await left(store)) == 10
    assert job.told.events == []


async def test_nothing_is_removed_whose_checkpoint_the_sink_has_not(store: Store, job: Job) -> None:
    await an_old_record(store)
    job.shipped = False
    first, *_ = await store.checkpoints.page("acc-1", after=0, limit=1)
    await store.checkpoints.mark_shipped([first])

    await job()

    assert len(await left(store)) == 8
    assert [(event.up_to, event.count) for event in job.told.events] == [(2, 2)]
    await verified(store)


async def test_the_stores_own_time_is_the_servers_or_none(store: Store, store_url: str) -> None:
    found = await store.purge_clock.server_time()

    if store_url.startswith("sqlite"):
        assert found is None
    else:
        assert found is not None
        assert abs(found - utc_now()) < DAY
