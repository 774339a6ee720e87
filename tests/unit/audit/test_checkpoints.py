"""Checkpoints cover every record, and every checkpoint reaches the sinks, whatever fails meanwhile."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from libs.chassis.periodic import periodic
from libs.record.checkpoints import Checkpoint
from libs.store.factory import open_store
from libs.store.store import Store
from libs.store.verification import verify
from services.audit.handlers.checkpoints import CheckpointSchedule, SignCheckpoints
from tests.contract.store.builders import a_record
from tests.unit.record.chains import KEY, KEYS

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class Elsewhere:
    """A sink that can be away."""

    away: bool = False
    kept: list[Checkpoint] = field(default_factory=list)

    async def ship(self, checkpoints: Sequence[Checkpoint]) -> None:
        if self.away:
            raise ConnectionError
        self.kept += checkpoints


@dataclass
class Desk:
    """A store and the job that signs its checkpoints."""

    store: Store
    file: Path
    sink: Elsewhere = field(default_factory=Elsewhere)
    now: datetime = NOON

    def sign(self, records: int = 4) -> SignCheckpoints:
        store = self.store
        return SignCheckpoints(
            chains=store.chains,
            checkpoints=store.checkpoints,
            sink=self.sink,
            key=KEY,
            clock=lambda: self.now,
            records=records,
        )

    async def record(self, *numbers: int, account: str | None = "acc-1") -> None:
        await self.store.records.append([a_record(f"{account}-{n}", account_id=account) for n in numbers])

    async def counts(self, chain: str = "acc-1") -> list[int]:
        return [c.count for c in await self.store.checkpoints.page(chain, after=0, limit=100)]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    store = await open_store(f"sqlite:///{tmp_path / 'gateway.db'}")
    yield Desk(store, tmp_path / "gateway-records.db")
    await store.close()


async def test_checkpoints_cover_every_chain_to_its_end_in_runs_of_a_limited_length(desk: Desk) -> None:
    await desk.record(*range(10))
    await desk.record(1, account=None)

    await desk.sign(records=4)()
    await desk.sign(records=4)()

    verdict = await verify(desk.store.chains, desk.store.checkpoints, keys=KEYS, shipped=desk.sink.kept)
    assert await desk.counts() == [4, 4, 2]
    assert await desk.counts("-") == [1]
    assert (verdict.ok, verdict.checkpointed, len(desk.sink.kept)) == (True, 11, 4)


async def test_nothing_new_is_no_checkpoint(desk: Desk) -> None:
    await desk.sign()()
    await desk.record(1)
    await desk.sign()()
    await desk.sign()()

    assert await desk.counts() == [1]


async def test_two_replicas_at_once_cover_each_record_once(desk: Desk) -> None:
    await desk.record(*range(50))

    await asyncio.gather(*(desk.sign(records=3)() for _ in range(4)))
    await desk.sign()()

    assert sum(await desk.counts()) == 50
    assert (await verify(desk.store.chains, desk.store.checkpoints, keys=KEYS)).ok


async def test_checkpoints_wait_for_a_sink_that_is_away(desk: Desk) -> None:
    await desk.record(1, 2)
    desk.sink.away = True
    await desk.sign()()
    desk.sink.away = False
    await desk.record(3)

    await desk.sign()()

    assert [checkpoint.number for checkpoint in desk.sink.kept] == [1, 2]


async def test_a_clock_that_goes_back_makes_no_checkpoint_older_than_the_one_before(desk: Desk) -> None:
    await desk.record(1)
    await desk.sign()()
    desk.now -= timedelta(days=1)
    await desk.record(2)

    await desk.sign()()

    first, second = await desk.store.checkpoints.page("acc-1", after=0, limit=2)
    assert second.at == first.at
    assert (await verify(desk.store.chains, desk.store.checkpoints, keys=KEYS)).ok


async def test_a_chain_whose_links_do_not_meet_is_not_signed_and_the_others_are(desk: Desk) -> None:
    await desk.record(*range(3))
    await desk.record(*range(3), account="acc-2")
    with sqlite3.connect(desk.file) as connection:
        connection.execute("DELETE FROM records WHERE account_id = 'acc-1' AND chain_seq = 2")

    await desk.sign()()

    assert await desk.counts() == []
    assert await desk.counts("acc-2") == [3]


async def test_only_the_busy_chain_is_signed_when_much_was_recorded_in_it(desk: Desk) -> None:
    names = [f"acc-{n}" for n in range(100)]
    schedule = CheckpointSchedule(desk.sign(records=5), records=5, seconds=300)
    async with periodic("busy chains", schedule.busy, 3600, wake=schedule.due):
        for name in names:
            await desk.record(1, account=name)
            schedule.recorded({name: 1})
        for first in range(10, 60, 5):
            await desk.record(*range(first, first + 5), account="acc-7")
            schedule.recorded({"acc-7": 5})
        async with asyncio.timeout(10):
            while sum(await desk.counts("acc-7")) < 51:
                await asyncio.sleep(0.01)

    made = [await desk.counts(name) for name in names if name != "acc-7"]
    assert made == [[]] * 99
    assert max(await desk.counts("acc-7")) == 5


async def test_no_record_waits_longer_than_the_time_between_checkpoints_however_many_replicas_sign(desk: Desk) -> None:
    names = [f"acc-{n}" for n in range(20)]
    replicas = [CheckpointSchedule(desk.sign(records=100), records=100, seconds=300) for _ in range(3)]
    written: dict[str, datetime] = {}
    for step in range(60):  # 25 s each, and each replica looks every 75 s, at another time than the others
        await desk.record(step, account="acc-0")
        written[f"acc-0-{step}"] = desk.now
        if step == 0:
            for name in names[1:]:
                await desk.record(step, account=name)
        await replicas[step % 3].timed()
        uncovered = [end for end in await desk.store.chains.ends() if end.seq > end.covered]
        waiting = [at for end in uncovered for n, at in enumerate(written.values(), 1) if n > end.covered]
        assert all(desk.now - at <= timedelta(seconds=300) for at in waiting)
        desk.now += timedelta(seconds=25)

    assert len(await desk.counts("acc-0")) <= 60 * 25 // 225 + 1
    assert [len(await desk.counts(name)) for name in names[1:]] == [1] * 19


async def test_the_time_up_to_which_every_record_is_covered_is_told(desk: Desk) -> None:
    schedule = CheckpointSchedule(desk.sign(records=100), records=100, seconds=300)
    await desk.record(1)
    await schedule.timed()
    covered = desk.now.timestamp()
    desk.now += timedelta(seconds=75)
    await desk.record(2)

    await schedule.timed()

    assert REGISTRY.get_sample_value("gateway_record_checkpointed_timestamp_seconds") == covered
    await schedule.finish()
    assert REGISTRY.get_sample_value("gateway_record_checkpointed_timestamp_seconds") == desk.now.timestamp()


async def test_a_clock_that_goes_back_delays_no_checkpoint(desk: Desk) -> None:
    schedule = CheckpointSchedule(desk.sign(), records=100, seconds=300)
    await desk.record(1)
    await schedule.timed()
    desk.now -= timedelta(hours=1)
    await desk.record(2)

    await schedule.timed()

    assert await desk.counts() == [1, 1]
