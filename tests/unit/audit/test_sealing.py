"""Sealing: what is recorded comes under checkpoints, and checkpoints arrive elsewhere, whatever fails meanwhile."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from libs.contracts.errors import unavailable
from libs.record.checkpoints import Checkpoint
from libs.record.exporting import shipped_from
from libs.record.sinks import Sinks
from libs.store.opening import Store, open_store
from libs.store.verifying import verify
from services.audit.adapters.sinks import ToFile, ToWebhook, sink_from
from services.audit.handlers.sealing import Seal, SealingRound
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
    """A store and what seals it."""

    store: Store
    file: Path
    sink: Elsewhere = field(default_factory=Elsewhere)
    now: datetime = NOON

    def seal(self, records: int = 4) -> Seal:
        store = self.store
        return Seal(
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


async def test_every_chain_is_sealed_to_its_end_in_runs_of_a_limited_length(desk: Desk) -> None:
    await desk.record(*range(10))
    await desk.record(1, account=None)

    await desk.seal(records=4)()
    await desk.seal(records=4)()

    verdict = await verify(desk.store.chains, desk.store.checkpoints, keys=KEYS, shipped=desk.sink.kept)
    assert await desk.counts() == [4, 4, 2]
    assert await desk.counts("-") == [1]
    assert (verdict.ok, verdict.sealed, len(desk.sink.kept)) == (True, 11, 4)


async def test_nothing_new_is_no_checkpoint(desk: Desk) -> None:
    await desk.seal()()
    await desk.record(1)
    await desk.seal()()
    await desk.seal()()

    assert await desk.counts() == [1]


async def test_two_replicas_at_once_seal_each_record_once(desk: Desk) -> None:
    await desk.record(*range(50))

    await asyncio.gather(*(desk.seal(records=3)() for _ in range(4)))
    await desk.seal()()

    assert sum(await desk.counts()) == 50
    assert (await verify(desk.store.chains, desk.store.checkpoints, keys=KEYS)).ok


async def test_checkpoints_wait_for_a_sink_that_is_away(desk: Desk) -> None:
    await desk.record(1, 2)
    desk.sink.away = True
    await desk.seal()()
    desk.sink.away = False
    await desk.record(3)

    await desk.seal()()

    assert [checkpoint.number for checkpoint in desk.sink.kept] == [1, 2]


async def test_a_clock_that_goes_back_makes_no_checkpoint_older_than_the_one_before(desk: Desk) -> None:
    await desk.record(1)
    await desk.seal()()
    desk.now -= timedelta(days=1)
    await desk.record(2)

    await desk.seal()()

    first, second = await desk.store.checkpoints.page("acc-1", after=0, limit=2)
    assert second.at == first.at
    assert (await verify(desk.store.chains, desk.store.checkpoints, keys=KEYS)).ok


async def test_a_chain_whose_links_do_not_meet_is_not_signed_and_the_others_are(desk: Desk) -> None:
    await desk.record(*range(3))
    await desk.record(*range(3), account="acc-2")
    with sqlite3.connect(desk.file) as connection:
        connection.execute("DELETE FROM records WHERE account_id = 'acc-1' AND chain_seq = 2")

    await desk.seal()()

    assert await desk.counts() == []
    assert await desk.counts("acc-2") == [3]


async def test_a_round_begins_early_when_much_was_recorded(desk: Desk) -> None:
    sealing = SealingRound(desk.seal(), seconds=3600, records=5)
    task = asyncio.create_task(sealing.run())
    while not (await desk.store.chains.heads()):
        await desk.record(*range(5))
    sealing.recorded(5)

    async with asyncio.timeout(10):
        while not await desk.counts():
            await asyncio.sleep(0.01)

    task.cancel()
    assert sum(await desk.counts()) == 5


@pytest.mark.parametrize("failure", [unavailable("store"), RuntimeError("a defect")], ids=["an outage", "a defect"])
async def test_a_round_that_fails_is_followed_by_another(desk: Desk, failure: Exception) -> None:
    calls: list[int] = []

    async def failing() -> None:
        calls.append(1)
        raise failure

    sealing = SealingRound(failing, seconds=0.01, records=5)  # type: ignore[arg-type]  # what fails whatever it is
    task = asyncio.create_task(sealing.run())

    async with asyncio.timeout(10):
        while len(calls) < 3:
            await asyncio.sleep(0.01)

    assert not task.done()
    task.cancel()


# ---------------------------------------------------------------- sinks


async def checkpoints_of(desk: Desk) -> list[Checkpoint]:
    await desk.record(*range(6))
    await desk.seal(records=2)()
    return desk.sink.kept


async def test_a_file_keeps_a_line_for_each_also_after_half_a_line(desk: Desk, tmp_path: Path) -> None:
    first, second, third = await checkpoints_of(desk)
    path = tmp_path / "kept" / "elsewhere.jsonl"
    await ToFile(path).ship([first])
    with path.open("ab") as file:
        file.write(b'{"chain":"acc')

    await ToFile(path).ship([second, third])

    assert shipped_from(path.read_bytes().splitlines()) == [first, second, third]
    assert path.read_bytes().endswith(b"\n")


async def test_a_file_that_cannot_be_written_is_a_failure(desk: Desk, tmp_path: Path) -> None:
    checkpoints = await checkpoints_of(desk)

    with pytest.raises(OSError, match="directory"):
        await ToFile(tmp_path).ship(checkpoints)


async def test_a_webhook_is_posted_all_of_them_and_must_say_that_they_arrived(desk: Desk) -> None:
    checkpoints = await checkpoints_of(desk)
    arrived: list[object] = []
    answers = [500, 302, 204]

    async def receive(request: web.Request) -> web.Response:
        arrived.append(await request.json())
        return web.Response(status=answers.pop(0))

    app = web.Application()
    app.router.add_post("/kept", receive)
    async with TestServer(app) as server:
        sink = ToWebhook(str(server.make_url("/kept")))
        for _ in range(2):
            with pytest.raises(ConnectionError, match="answered"):
                await sink.ship(checkpoints)
        await sink.ship(checkpoints)
    with pytest.raises(ConnectionError):
        await sink.ship(checkpoints)

    assert arrived == [{"checkpoints": [checkpoint.shown() for checkpoint in checkpoints]}] * 3


async def test_every_sink_is_given_all(desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoints = await checkpoints_of(desk)
    files = (tmp_path / "a.jsonl", tmp_path / "b.jsonl")

    await sink_from(Sinks(files, (), log=True)).ship(checkpoints)
    await sink_from(Sinks()).ship(checkpoints)

    for path in files:
        assert [json.loads(line) for line in path.read_text().splitlines()] == [c.shown() for c in checkpoints]
    assert capsys.readouterr().out.count(checkpoints[0].root.hex()) == 1
