"""A sink stores every checkpoint, or says that it has not."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from libs.record.checkpoints import Checkpoint
from libs.record.exports import shipped_checkpoints_from
from libs.record.sinks import CheckpointSinks
from libs.store.factory import open_store
from libs.store.store import Store
from services.audit.adapters.sinks import FileSink, WebhookSink, sink_from
from services.audit.handlers.checkpoints import SignCheckpoints
from tests.contract.store.builders import a_record
from tests.unit.record.chains import KEY

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


async def checkpoints_of(desk: Desk) -> list[Checkpoint]:
    await desk.record(*range(6))
    await desk.sign(records=2)()
    return desk.sink.kept


async def test_a_file_keeps_a_line_for_each_also_after_half_a_line(desk: Desk, tmp_path: Path) -> None:
    first, second, third = await checkpoints_of(desk)
    path = tmp_path / "kept" / "elsewhere.jsonl"
    await FileSink(path).ship([first])
    with path.open("ab") as file:
        file.write(b'{"chain":"acc')

    await FileSink(path).ship([second, third])

    assert shipped_checkpoints_from(path.read_bytes().splitlines()) == [first, second, third]
    assert path.read_bytes().endswith(b"\n")


async def test_a_file_that_cannot_be_written_is_a_failure(desk: Desk, tmp_path: Path) -> None:
    checkpoints = await checkpoints_of(desk)

    with pytest.raises(OSError, match="directory"):
        await FileSink(tmp_path).ship(checkpoints)


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
        sink = WebhookSink(str(server.make_url("/kept")))
        for _ in range(2):
            with pytest.raises(ConnectionError, match="answered"):
                await sink.ship(checkpoints)
        await sink.ship(checkpoints)
    with pytest.raises(ConnectionError):
        await sink.ship(checkpoints)

    assert arrived == [{"checkpoints": [checkpoint.as_json() for checkpoint in checkpoints]}] * 3


async def test_restore_lines_go_to_every_sink_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines, arrived = ['{"kind":"subject.erased","id":"1"}', '{"kind":"suppression.added","id":"2"}'], list[object]()

    async def receive(request: web.Request) -> web.Response:
        arrived.append(await request.json())
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/kept", receive)
    file = tmp_path / "a.jsonl"
    async with TestServer(app) as server:
        sinks = CheckpointSinks((file,), (str(server.make_url("/kept")),), log=True)
        await sink_from(sinks).ship_lines(lines)

    assert file.read_text().splitlines() == lines
    assert arrived == [{"lines": [json.loads(line) for line in lines]}]
    assert capsys.readouterr().out.count("restore line") in {0, 2}  # 0: nothing has set up the log
    assert shipped_checkpoints_from(file.read_bytes().splitlines()) == []


async def test_every_sink_is_given_all(desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoints = await checkpoints_of(desk)
    files = (tmp_path / "a.jsonl", tmp_path / "b.jsonl")

    await sink_from(CheckpointSinks(files, (), log=True)).ship(checkpoints)
    await sink_from(CheckpointSinks()).ship(checkpoints)

    for path in files:
        assert [json.loads(line) for line in path.read_text().splitlines()] == [c.as_json() for c in checkpoints]
    assert capsys.readouterr().out.count(checkpoints[0].root.hex()) == 1
