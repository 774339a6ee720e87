"""Scheduled verification, on both databases: it goes on where it was, names what was edited, and forgets no fault."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from prometheus_client import REGISTRY

from libs.record.checkpoints import Checkpoint
from libs.record.keys import PublicKeys
from libs.store import chains as chains_module
from libs.store.chains import Chains
from libs.store.store import Store
from libs.store.verified import Scope
from services.console.domain.verification_schedule import Interval, Schedule, Slots
from services.console.handlers.scheduled_verification import VerifyScheduled
from services.console.handlers.verification_lease import LEASE_SECONDS, VerificationLease
from services.console.handlers.verification_results import VerificationResults
from tests.contract.store.builders import NOW, a_record
from tests.contract.store.test_chains import seal
from tests.contract.store.test_verification import SIZE, Hand, SqlHand, hand, shipped
from tests.unit.record.chains import KEYS

__all__ = ["hand", "shipped"]
EVERY_5_MIN, NIGHTLY = Interval(300), Slots(86_400, 2)


@dataclass
class Replica:
    """A console process over the store; its clock stands until it is moved."""

    store: Store
    owner: str = "console-1"
    now: datetime = NOW
    seconds: float = 0.0
    shipped: Sequence[Checkpoint] = ()
    keys: PublicKeys = field(default_factory=lambda: KEYS)
    chains: Chains | None = None

    def job(self, scope: Scope = Scope.INCREMENTAL, schedule: Schedule = EVERY_5_MIN) -> VerifyScheduled:
        store = self.store
        return VerifyScheduled(
            scope=scope,
            schedule=schedule,
            chains=self.chains or store.chains,
            checkpoints=store.checkpoints,
            keys=self.keys,
            read_shipped=self.read_shipped,
            places=store.verified_places,
            results=VerificationResults(states=store.verification_states, clock=lambda: self.now),
            lease=VerificationLease(
                job_id=f"verify:{scope.value}",
                owner=self.owner,
                leases=store.job_leases,
                clock=lambda: self.now,
                monotonic=lambda: self.seconds,
                sleep=self.sleep,
            ),
            clock=lambda: self.now,
        )

    async def read_shipped(self) -> Sequence[Checkpoint]:
        return self.shipped

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    async def verify(self, scope: Scope = Scope.INCREMENTAL, **later: float) -> None:
        self.now += timedelta(**(later or {"minutes": 5}))
        await self.job(scope, EVERY_5_MIN if scope is Scope.INCREMENTAL else NIGHTLY)()

    async def fault(self, scope: Scope = Scope.INCREMENTAL) -> tuple[Any, ...] | None:
        state = (await self.store.verification_states.all())[scope]
        if state.sound:
            return None
        fault = orjson.loads(state.fault or "")
        return fault["kind"], fault["chain"], fault["seq"]


@dataclass
class CountedReads:
    """Chains that count the records that are read."""

    real: Chains
    records: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    async def links(self, chain: str, *, after: int | None, limit: int) -> Any:
        found = await self.real.links(chain, after=after, limit=limit)
        self.records += len(found)
        return found


def gauge(name: str, scope: Scope) -> float | None:
    return REGISTRY.get_sample_value(f"gateway_record_{name}", {"scope": scope.value})


async def test_an_incremental_verification_reads_what_follows_the_last_checkpoint_alone(
    store: Store, shipped: list[Checkpoint]
) -> None:
    replica = Replica(store)
    await replica.verify()
    await store.records.append([a_record("new-1")])
    counted = CountedReads(store.chains)
    replica.chains = counted

    await replica.verify()

    assert counted.records == SIZE - 9 + 1 + 1  # those without a checkpoint, in acc-1 and in acc-2
    assert (gauge("sound", Scope.INCREMENTAL), gauge("verified_records", Scope.INCREMENTAL)) == (1, SIZE - 9 + 2)
    assert gauge("verified_timestamp_seconds", Scope.INCREMENTAL) == replica.now.timestamp()


async def test_an_unsealed_record_that_is_edited_after_it_was_verified_is_found(store: Store, hand: Hand) -> None:
    replica = Replica(store)
    await replica.verify()
    await asyncio.to_thread(hand.set, 11, code="x")

    await replica.verify()

    assert await replica.fault() == ("altered", "acc-1", 11)
    assert gauge("sound", Scope.INCREMENTAL) == 0


@pytest.mark.parametrize("how", ["cut with its head", "cut and written anew", "its last checkpoint removed"])
async def test_a_record_that_lost_what_was_verified_is_not_sound(store: Store, hand: Hand, how: str) -> None:
    replica = Replica(store)
    await replica.verify()
    if how == "its last checkpoint removed":
        await asyncio.to_thread(lambda: hand.forget(checkpoints=[3]))
    else:
        await asyncio.to_thread(hand.delete, 10, 11, 12)
        await asyncio.to_thread(lambda: hand.forget(head=9))
    if how == "cut and written anew":
        await rewrite(store, hand)

    await replica.verify()

    assert await replica.fault() in {
        ("truncated", "acc-1", 10), ("rewritten", "acc-1", 12), ("removed_checkpoint", "acc-1", None),
    }  # fmt: skip


async def rewrite(store: Store, hand: Hand) -> None:
    """Write other records in the places of those that were cut, through a process that knows nothing of them."""
    if isinstance(hand, SqlHand):

        def forget_tail() -> None:
            hash_of_9 = "(SELECT hash FROM records WHERE account_id = 'acc-1' AND chain_seq = 9)"
            hand._run(f"UPDATE chains SET hash = {hash_of_9} WHERE chain = 'acc-1'")  # noqa: S608

        await asyncio.to_thread(forget_tail)
    else:
        store.records._tails.clear()  # type: ignore[attr-defined]
    await store.records.append([a_record(f"forged-{n}") for n in range(10, SIZE + 2)])


async def test_a_fault_stays_through_restarts_until_a_later_verification_finds_none(store: Store, hand: Hand) -> None:
    await Replica(store).verify()
    await asyncio.to_thread(hand.set, 11, code="x")
    await Replica(store, now=NOW + timedelta(minutes=10)).verify()
    restarted = Replica(store, now=NOW + timedelta(minutes=20), owner="console-2")

    await restarted.verify()
    assert (gauge("sound", Scope.INCREMENTAL), await restarted.fault()) == (0, ("altered", "acc-1", 11))

    await asyncio.to_thread(hand.set, 11, code=a_record("record-11").code)
    await restarted.verify()
    assert (gauge("sound", Scope.INCREMENTAL), await restarted.fault()) == (1, None)


async def test_a_replica_shows_what_the_other_one_found(store: Store, other: Store, hand: Hand) -> None:
    finder, reader = Replica(store), Replica(other, owner="console-2")
    await asyncio.to_thread(hand.set, 11, code="x")
    await finder.verify()
    finder_saw = gauge("sound", Scope.INCREMENTAL)
    await finder.store.verified_places.save([])
    reader.now = finder.now

    await reader.job()()  # not due

    assert (finder_saw, gauge("sound", Scope.INCREMENTAL)) == (0, 0)


async def test_one_of_two_replicas_verifies(store: Store, other: Store, shipped: list[Checkpoint]) -> None:
    replicas = [Replica(store), Replica(other, owner="console-2")]
    counted = [CountedReads(replica.store.chains) for replica in replicas]
    for replica, reads in zip(replicas, counted, strict=True):
        replica.chains = reads

    await asyncio.gather(*(replica.verify() for replica in replicas))

    assert sorted(reads.records for reads in counted) == [0, SIZE + 1]


async def test_a_replica_that_died_is_replaced_when_its_lease_ends(store: Store, shipped: list[Checkpoint]) -> None:
    dead = Replica(store, now=NOW)
    assert await dead.job().lease.acquire()
    alive = Replica(store, owner="console-2")

    await alive.verify(seconds=LEASE_SECONDS - 1)
    assert await store.verification_states.all() == {}
    await alive.verify(seconds=2)
    assert (await store.verification_states.all())[Scope.INCREMENTAL].sound


async def test_a_replica_that_lost_its_lease_stops(store: Store, other: Store, shipped: list[Checkpoint]) -> None:
    slow = Replica(store)

    async def suspended(_: float) -> None:
        slow.seconds += LEASE_SECONDS
        slow.now += timedelta(seconds=LEASE_SECONDS)
        assert await Replica(other, owner="console-2", now=slow.now).job(Scope.WHOLE).lease.acquire()

    slow.sleep = suspended  # type: ignore[method-assign, assignment]  # as after SIGSTOP

    await slow.verify(Scope.WHOLE)

    assert await store.verification_states.all() == {}


async def test_a_whole_verification_finds_an_old_sealed_record_and_names_every_chain(store: Store, hand: Hand) -> None:
    replica = Replica(store)
    await replica.verify()
    await asyncio.to_thread(hand.set, 4, code="blocked")

    await replica.verify(Scope.WHOLE)

    assert await replica.fault(Scope.WHOLE) == ("altered", "acc-1", 4)
    assert gauge("sound", Scope.WHOLE) == 0
    assert gauge("verified_records", Scope.WHOLE) == 3 + 1  # those before it, and acc-2


async def test_a_whole_verification_compares_the_checkpoints_that_were_shipped(
    store: Store, hand: Hand, shipped: list[Checkpoint]
) -> None:
    await asyncio.to_thread(hand.delete, *range(7, SIZE + 1))
    await asyncio.to_thread(lambda: hand.forget(checkpoints=[3], head=6))
    replica = Replica(store, shipped=shipped)

    await replica.verify(Scope.WHOLE)

    assert await replica.fault(Scope.WHOLE) == ("truncated", "acc-1", 7)


async def test_the_whole_record_is_verified_once_a_night(store: Store, shipped: list[Checkpoint]) -> None:
    replica = Replica(store, now=NOW.replace(hour=1, minute=50, second=0))
    seen: list[datetime | None] = []
    for _ in range(4):  # 01:50 (the first of all), 02:10, 02:30, 02:50
        await replica.verify(Scope.WHOLE, minutes=0 if not seen else 20)
        seen.append((await store.verification_states.all())[Scope.WHOLE].verified_at)

    assert len(set(seen)) == 2
    assert seen[1] == replica.now.replace(minute=10)


async def test_a_long_chain_goes_on_in_pages(
    store: Store, shipped: list[Checkpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chains_module, "PAGE_SIZE", 5)
    replica = Replica(store)
    for part in range(4):
        await store.records.append([a_record(f"part-{part}-{n}") for n in range(13)])
        await replica.verify()
        assert await replica.fault() is None
        if part % 2:
            await seal(store, every=4)

    place = (await store.verified_places.all())["acc-1"]
    assert place.seq == SIZE + 52


async def test_a_restored_backup_is_accepted_when_the_places_are_forgotten(store: Store, hand: Hand) -> None:
    replica = Replica(store)
    await replica.verify()
    await asyncio.to_thread(hand.delete, 11, 12)
    await asyncio.to_thread(lambda: hand.forget(head=10))
    await replica.verify()
    assert await replica.fault() == ("truncated", "acc-1", 11)

    await store.verified_places.forget()
    await replica.verify()

    assert await replica.fault() is None
