"""The witness over HTTP: it cosigns what extends what it saw last, and remembers that before it answers."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from libs.record.log_checkpoints import LogCheckpoint, log_checkpoint, log_checkpoint_from, log_keys
from libs.record.log_tree import consistency_path, grown_tiles, hash_of_tiles
from libs.record.merkle import root_of
from libs.record.signed_notes import COSIGNATURE, NoteKey, cosigned_at, signatures_from
from libs.record.witness_requests import add_checkpoint_request
from services.audit.adapters.log_witnesses import HttpWitness
from tests.unit.record.chains import KEY, KEYS, OTHER_KEY
from tests.unit.record.test_log_tree import leaf
from tools.witness.server import Witness, logs_from
from tools.witness.state import FolderInUse, WitnessFolder, origin_hash

ORIGIN, NAME, AT = "gateway.example/log", "witness.example/w1", 1_795_435_200
WITNESS_KEY = NoteKey(NAME, OTHER_KEY.public, COSIGNATURE)
LEAVES = [leaf(n) for n in range(40)]


def checkpoint_of(size: int, *, forked: bool = False) -> LogCheckpoint:
    leaves = [leaf(1000 + n) if forked and n == 2 else each for n, each in enumerate(LEAVES[:size])]
    return log_checkpoint(ORIGIN, size, root_of(leaves), KEY)


def path(old: int, size: int) -> list[bytes]:
    return consistency_path(hash_of_tiles(grown_tiles(0, LEAVES, {})), old, size)


@dataclass
class Running:
    """A witness that runs, and its folder."""

    folder: Path
    url: str = ""
    times: list[int] = field(default_factory=list)

    def witness(self) -> Witness:
        logs = logs_from([key.vkey for key in log_keys(ORIGIN, {"k1": KEYS["k1"]})])
        return Witness(name=NAME, key=OTHER_KEY, logs=logs, folder=WitnessFolder(self.folder), seconds=lambda: AT)

    async def ask(self, old: int, size: int, steps: list[bytes] | None = None, *, note: str = "") -> tuple[int, str]:
        proof = path(old, size) if steps is None else steps
        body = add_checkpoint_request(old, proof, note or str(checkpoint_of(size).note))
        async with ClientSession() as session, session.post(f"{self.url}/add-checkpoint", data=body.encode()) as answer:
            return answer.status, await answer.text()


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    found = Running(tmp_path)
    server = TestServer(found.witness().application())
    await server.start_server()
    found.url = str(server.make_url("")).rstrip("/")
    yield found
    await server.close()


async def test_it_cosigns_a_first_checkpoint_and_what_extends_it(running: Running) -> None:
    for old, size in ((0, 5), (5, 5), (5, 17), (17, 40)):
        status, lines = await running.ask(old, size)

        assert status == 200
        note = checkpoint_of(size).note.with_signatures(signatures_from(lines))
        assert cosigned_at(note, WITNESS_KEY) == AT


async def test_it_answers_what_it_saw_when_the_old_size_is_another_one(running: Running) -> None:
    await running.ask(0, 17)

    assert await running.ask(0, 40) == (409, "17\n")
    assert await running.ask(5, 17) == (409, "17\n")


@pytest.mark.parametrize("forked", [False, True])
async def test_it_refuses_a_fork_and_forgets_nothing(running: Running, forked: bool) -> None:  # noqa: FBT001
    await running.ask(0, 17)

    note = str(checkpoint_of(40, forked=forked).note)
    status, _ = await running.ask(17, 40, path(17, 39) if not forked else None, note=note)
    same = await running.ask(17, 17, note=str(checkpoint_of(17, forked=True).note))

    assert status == 422
    assert same[0] == 422
    assert WitnessFolder(running.folder).seen(ORIGIN).size == 17
    assert (await running.ask(17, 40))[0] == 200


async def test_it_answers_as_the_protocol_says(running: Running) -> None:
    stranger = log_checkpoint(ORIGIN, 5, checkpoint_of(5).root, OTHER_KEY)
    unknown = log_checkpoint("other.example/log", 5, checkpoint_of(5).root, KEY)

    assert (await running.ask(0, 5, note=str(unknown.note)))[0] == 404
    assert (await running.ask(0, 5, note=str(stranger.note)))[0] == 403
    assert (await running.ask(6, 5, []))[0] == 400
    assert (await running.ask(0, 5, [leaf(1)]))[0] == 422
    assert (await running.ask(0, 5, note="no note\n"))[0] == 400
    assert (await running.ask(0, 5, [leaf(n) for n in range(64)]))[0] == 400
    empty = log_checkpoint(ORIGIN, 0, b"r" * 32, KEY)
    assert (await running.ask(0, 0, [], note=str(empty.note)))[0] == 422


async def test_it_serves_what_it_cosigned_last(running: Running) -> None:
    async def shown() -> tuple[int, str]:
        async with ClientSession() as session, session.get(f"{running.url}/{origin_hash(ORIGIN)}/checkpoint") as answer:
            return answer.status, await answer.text()

    assert (await shown())[0] == 404
    await running.ask(0, 5)

    status, text = await shown()
    checkpoint = log_checkpoint_from(text)
    assert status == 200
    assert checkpoint.size == 5
    assert checkpoint.is_signed_by_any(log_keys(ORIGIN, KEYS))
    assert cosigned_at(checkpoint.note, WITNESS_KEY) == AT


async def test_what_it_saw_survives_a_restart(running: Running) -> None:
    await running.ask(0, 17)

    server = TestServer(running.witness().application())
    await server.start_server()
    again = Running(running.folder, str(server.make_url("")).rstrip("/"))

    assert await again.ask(0, 40) == (409, "17\n")
    await server.close()


async def test_requests_at_once_never_roll_it_back(running: Running) -> None:
    await running.ask(0, 5)

    answers = await asyncio.gather(*(running.ask(5, size) for size in (40, 6, 17, 40, 9, 30)))

    accepted = [size for (status, _), size in zip(answers, (40, 6, 17, 40, 9, 30), strict=True) if status == 200]
    assert len(accepted) == 1
    assert WitnessFolder(running.folder).seen(ORIGIN).size == accepted[0]


async def test_an_unreadable_state_refuses_instead_of_beginning_anew(running: Running) -> None:
    await running.ask(0, 17)
    (running.folder / f"{origin_hash(ORIGIN)}.checkpoint").write_text("half")

    assert (await running.ask(0, 5))[0] == 500


def test_one_process_at_a_time_uses_a_folder(tmp_path: Path) -> None:
    WitnessFolder(tmp_path / "w").lock()

    with pytest.raises(FolderInUse):
        WitnessFolder(tmp_path / "w").lock()


async def test_the_log_asks_from_the_size_that_the_witness_knows(running: Running) -> None:
    asks: list[int] = []

    async def from_size(size: int, old: int) -> list[bytes]:
        asks.append(old)
        return path(old, size)

    def proven(size: int):  # type: ignore[no-untyped-def]  # noqa: ANN202 -- a callback
        async def path_from(old: int) -> list[bytes]:
            return await from_size(size, old)

        return path_from

    await HttpWitness(WITNESS_KEY, running.url).cosign(checkpoint_of(17), proven(17))
    restarted = HttpWitness(WITNESS_KEY, running.url)
    signature = await restarted.cosign(checkpoint_of(40), proven(40))

    assert asks == [0, 0, 17]
    assert cosigned_at(checkpoint_of(40).note.with_signatures([signature]), WITNESS_KEY) == AT


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, ""),
        (200, ""),
        (200, "garbage\n"),
        (200, "\u2014 witness.example/w1 AAAAAAAAAAAA\n"),
        (409, "many\n"),
        (409, "7\n"),
        (302, ""),
    ],
)
async def test_the_log_believes_no_other_answer(status: int, body: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    app = web.Application()
    app.router.add_post("/add-checkpoint", answer)
    server = TestServer(app)
    await server.start_server()

    async def path_from(old: int) -> list[bytes]:
        return path(old, 17)

    with pytest.raises(OSError, match="witness"):
        await HttpWitness(WITNESS_KEY, str(server.make_url(""))).cosign(checkpoint_of(17), path_from)
    await server.close()
