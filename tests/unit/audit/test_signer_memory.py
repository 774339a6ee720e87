"""The signer remembers what it signed, whoever writes the store, and refuses to sign what does not extend it."""

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from libs.contracts.events import Event, RecordRestored, RecordSignerReset
from libs.record.canonical import FIELDS, Link, genesis, link_hash
from libs.record.checkpoints import Checkpoint
from libs.record.keys import SigningKey
from libs.record.restorations import SignerReset
from libs.store.factory import open_store
from libs.store.store import Store
from services.audit import metrics
from services.audit.adapters.signer_memory import SignerMemoryFile
from services.audit.handlers.checkpoints import SignCheckpoints
from services.audit.handlers.extensions import ExtendsMemory
from services.audit.handlers.restorations import SignRestoration
from services.audit.handlers.signer_reset import OpenMemory
from services.audit.ports import MemoryUnreadable, Remembered
from tests.contract.store.builders import a_record
from tests.unit.record.chains import KEY, KEYS, OTHER_KEY

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
STRANGER = SigningKey("k1", bytes(32))


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


CLOCK = Clock()


def a_memory(folder: Path | None, *keys: SigningKey) -> SignerMemoryFile:
    return SignerMemoryFile(folder, keys or (KEY,), CLOCK)


async def a_begun(folder: Path) -> SignerMemoryFile:
    memory = a_memory(folder)
    await memory.load()
    await memory.begin()
    return memory


@dataclass
class Published:
    """A publisher that keeps what it is given."""

    events: list[Event] = field(default_factory=list)

    async def publish(self, event: Event, *, id: UUID, at: datetime | None = None) -> None:  # noqa: A002 -- as the port
        self.events.append(event)


async def test_what_is_written_survives_a_restart_and_the_last_one_counts(tmp_path: Path) -> None:
    memory = await a_begun(tmp_path)
    await memory.write("log", 1, b"\x01" * 32)
    await memory.write("chain:acc_1", 5, b"\x02" * 32)
    await memory.write("log", 2, b"\x03" * 32)
    memory.close()

    again = a_memory(tmp_path)

    assert await again.load()
    assert await again.read("log") == (2, b"\x03" * 32)
    assert await again.read("chain:acc_1") == (5, b"\x02" * 32)
    assert await again.read("chain:acc_2") is None


@pytest.mark.parametrize("cut", [1, 20, 70])
async def test_half_a_line_that_a_crash_left_is_dropped_and_writing_goes_on(tmp_path: Path, cut: int) -> None:
    memory = await a_begun(tmp_path)
    await memory.write("log", 1, b"\x01" * 32)
    await memory.write("log", 2, b"\x02" * 32)
    memory.close()
    file = tmp_path / "0.memory"
    file.write_bytes(file.read_bytes()[:-cut])

    again = a_memory(tmp_path)
    found = await again.load()
    await again.write("log", 3, b"\x03" * 32)
    again.close()
    last = a_memory(tmp_path)

    assert found
    assert await last.load()
    assert await last.read("log") == (3, b"\x03" * 32)


def without_a_line(lines: list[bytes]) -> list[bytes]:
    return [lines[0], *lines[2:]]


def changed(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[1].replace(b'"position":1', b'"position":7'), *lines[2:]]


def swapped(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[2], lines[1]]


@pytest.mark.parametrize("edit", [without_a_line, changed, swapped, lambda _: []])
async def test_a_file_that_somebody_changed_is_unreadable(tmp_path: Path, edit: Any) -> None:
    memory = await a_begun(tmp_path)
    await memory.write("log", 1, b"\x01" * 32)
    await memory.write("log", 2, b"\x02" * 32)
    memory.close()
    file = tmp_path / "0.memory"
    file.write_bytes(b"".join(line + b"\n" for line in edit(file.read_bytes().splitlines())))

    with pytest.raises(MemoryUnreadable):
        await a_memory(tmp_path).load()


async def test_only_the_signers_keys_read_it_and_a_new_key_takes_it_over(tmp_path: Path) -> None:
    memory = await a_begun(tmp_path)
    await memory.write("log", 1, b"\x01" * 32)
    memory.close()
    strangers = a_memory(tmp_path, STRANGER)
    with pytest.raises(MemoryUnreadable):
        await strangers.load()
    strangers.close()

    rotated = a_memory(tmp_path, OTHER_KEY, KEY)
    assert await rotated.load()
    rotated.close()
    later = a_memory(tmp_path, OTHER_KEY)

    assert await later.load()
    assert await later.read("log") == (1, b"\x01" * 32)


async def test_every_replica_has_a_file_of_its_own_and_a_new_one_begins_with_what_another_knows(tmp_path: Path) -> None:
    first = await a_begun(tmp_path)
    await first.write("log", 1, b"\x01" * 32)
    second = a_memory(tmp_path)

    assert await second.load()
    assert (first.path, second.path) == (tmp_path / "0.memory", tmp_path / "1.memory")
    assert await second.read("log") == (1, b"\x01" * 32)


async def test_the_file_is_written_anew_before_it_grows_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.audit.adapters.signer_memory.REWRITTEN_AT", 5)
    memory = await a_begun(tmp_path)
    for position in range(1, 30):
        await memory.write("log", position, b"\x01" * 32)
    memory.close()
    again = a_memory(tmp_path)

    assert len((tmp_path / "0.memory").read_bytes().splitlines()) < 10
    assert await again.load()
    assert await again.read("log") == (29, b"\x01" * 32)


# ---------------------------------------------------------------- signing with it


@dataclass
class Desk:
    """A store whose file somebody writes, and the signer with its memory."""

    store: Store
    file: Path
    memory: SignerMemoryFile
    sink: list[Checkpoint] = field(default_factory=list)

    def sign(self, memory: SignerMemoryFile | None = None) -> SignCheckpoints:
        store, memory = self.store, memory or self.memory
        extends = ExtendsMemory(store.chains, memory, KEYS)
        made = {"chains": store.chains, "checkpoints": store.checkpoints, "sink": self}
        return SignCheckpoints(**made, key=KEY, clock=CLOCK, records=4, extends=extends)  # type: ignore[arg-type]

    async def ship(self, checkpoints: Any) -> None:
        self.sink += checkpoints

    async def record(self, *numbers: int) -> None:
        await self.store.records.append([a_record(f"r-{n}", account_id="acc_1") for n in numbers])

    def execute(self, sql: str, values: tuple[object, ...] = ()) -> None:
        with sqlite3.connect(self.file) as connection:
            connection.execute(sql, values)
        connection.close()

    def rewrite(self, *, code: str = "forged") -> None:
        """Alter record 2 and chain all others anew behind it, as an attacker with the whole database does."""
        with sqlite3.connect(self.file) as connection:
            columns = ", ".join(FIELDS)
            rows = connection.execute(f"SELECT chain_seq, {columns} FROM records ORDER BY chain_seq").fetchall()  # noqa: S608
            previous = genesis("acc_1")
            for seq, *values in rows:
                if seq == 2:
                    values[FIELDS.index("code")] = code
                made = Link(seq, previous, link_hash(previous, seq, values), values)
                sql = "UPDATE records SET code = ?, previous = ?, hash = ? WHERE chain_seq = ?"
                connection.execute(sql, (values[FIELDS.index("code")], made.previous, made.hash, seq))
                previous = made.hash
            connection.execute("UPDATE chains SET hash = ?", (previous,))
        connection.close()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    store = await open_store(f"sqlite:///{tmp_path / 'gateway.db'}")
    yield Desk(store, tmp_path / "gateway-records.db", await a_begun(tmp_path / "memory"))
    await store.close()


async def newest(desk: Desk) -> Checkpoint | None:
    return (await desk.store.chains.heads("acc_1"))[0].checkpoint


async def test_a_chain_that_was_rewritten_with_its_checkpoints_deleted_is_not_signed(desk: Desk) -> None:
    """The store needs no key to be written; without the memory the real key would sign the forgery."""
    await desk.record(1, 2, 3)
    await desk.sign()()
    desk.rewrite()
    desk.execute("DELETE FROM checkpoints")

    await desk.sign()()
    refused = metrics.SIGNER_REFUSED._value.get()
    forgetful = desk.sign(a_memory(None))

    assert await newest(desk) is None
    assert refused == 1
    await forgetful()
    assert await newest(desk) is not None


def forge_newest(desk: Desk) -> dict[str, object]:
    """Spoil the only checkpoint's signature; returns its body from before."""
    with sqlite3.connect(desk.file) as connection:
        own: dict[str, object] = orjson.loads(connection.execute("SELECT body FROM checkpoints").fetchone()[0])
    connection.close()
    desk.execute("UPDATE checkpoints SET body = ?", (orjson.dumps(own | {"signature": "00" * 64}).decode(),))
    return own


async def test_a_refused_chain_counts_until_it_is_tried_again(desk: Desk) -> None:
    """Its newest checkpoint may be younger than those that the schedule replaces, which is no reason to end a page."""
    sign = desk.sign()
    await desk.record(1, 2)
    await sign()
    await desk.record(3)
    own = forge_newest(desk)

    await sign.sign(["acc_1"])
    await sign(min_age=timedelta(hours=1))
    while_young = metrics.SIGNER_REFUSED._value.get()
    desk.execute("UPDATE checkpoints SET body = ?", (orjson.dumps(own).decode(),))
    await sign()

    assert while_young == 1
    assert metrics.SIGNER_REFUSED._value.get() == 0


async def test_a_busy_chain_that_is_signed_again_is_refused_no_more(desk: Desk) -> None:
    """Its checkpoints are always younger than those that the schedule replaces, which would count it for ever."""
    sign = desk.sign()
    await desk.record(1, 2)
    await sign()
    await desk.record(3)
    own = forge_newest(desk)

    await sign.sign(["acc_1"])
    refused = metrics.SIGNER_REFUSED._value.get()
    desk.execute("UPDATE checkpoints SET body = ?", (orjson.dumps(own).decode(),))
    await sign.sign(["acc_1"])
    signed = metrics.SIGNER_REFUSED._value.get()
    await desk.record(4)
    await sign(min_age=timedelta(hours=1))

    assert (refused, signed) == (1, 0)
    assert metrics.SIGNER_REFUSED._value.get() == 0


@pytest.mark.parametrize("what", ["last checkpoint", "a record under it", "its signature"])
async def test_whatever_was_signed_must_still_be_there(desk: Desk, what: str) -> None:
    await desk.record(1, 2, 3, 4)
    await desk.sign()()
    await desk.record(5, 6)
    await desk.sign()()
    await desk.record(7)
    if what == "last checkpoint":
        desk.execute("DELETE FROM checkpoints WHERE number = 2")
    elif what == "its signature":
        desk.execute("UPDATE checkpoints SET body = replace(body, '\"at\":17', '\"at\":16') WHERE number = 2")
    else:
        other = a_memory(None)
        await other.write("chain:acc_1", 2, b"\x09" * 32)  # what this replica signed, before another one went on
        await desk.sign(other)()
        assert (await desk.store.chains.heads("acc_1"))[0].checkpoint.last == 6  # type: ignore[union-attr]
        return

    await desk.sign()()

    assert len(desk.sink) == 2


async def test_replicas_go_on_from_what_the_other_signed(desk: Desk, tmp_path: Path) -> None:
    other = a_memory(tmp_path / "memory")
    assert await other.load()
    await desk.record(1, 2)
    await desk.sign()()
    await desk.record(3, 4)
    await desk.sign(other)()
    await desk.record(5)

    await desk.sign()()

    found = await newest(desk)
    assert found is not None
    assert (found.last, await desk.memory.read("chain:acc_1"), await other.read("chain:acc_1")) == (
        5,
        (5, found.head),
        (4, desk.sink[1].head),
    )


async def test_an_honest_restore_is_signed_again_and_an_old_statement_excuses_no_later_cut(desk: Desk) -> None:
    await desk.record(1, 2)
    await desk.sign()()
    await desk.record(3, 4)
    await desk.sign()()
    lost = desk.sink[-1]

    async def restore_to(seq: int) -> None:
        desk.execute("DELETE FROM records WHERE chain_seq > ?", (seq,))
        desk.execute("DELETE FROM checkpoints WHERE json_extract(body, '$.last') > ?", (seq,))
        hash_ = (await desk.store.chains.hash_pairs("acc_1", after=seq - 1, limit=1))[0][1]
        desk.execute("UPDATE chains SET seq = ?, hash = ?", (seq, hash_))

    await restore_to(2)
    await desk.sign()()
    await desk.record(10)
    await desk.sign()()
    before = await newest(desk)
    event = RecordRestored(
        account_id="acc_1", actor="admin", up_to=2, replaced=(lost.hash.hex(),), reason="the disk was lost"
    )
    line = a_record("stated", account_id="acc_1", type=RecordRestored.name)
    await desk.store.records.append([await SignRestoration(desk.store.chains, KEY)(event, CLOCK(), line)])
    await desk.sign()()
    after = await newest(desk)
    await desk.record(11, 12)
    await desk.sign()()
    await restore_to(4)  # the statement is still there
    await desk.record(13)
    await desk.sign()()

    assert before is not None
    assert before.last == 2
    assert after is not None
    assert after.last == 4
    assert (await newest(desk)) == after


# ---------------------------------------------------------------- a lost memory


async def opened(desk: Desk, memory: SignerMemoryFile) -> list[Event]:
    publisher = Published()
    await OpenMemory(
        memory=memory, chains=desk.store.chains, publisher=publisher, clock=CLOCK, replica="audit@host:1"
    )()
    return publisher.events


async def test_a_first_start_is_silent_and_a_lost_memory_never_is(desk: Desk, tmp_path: Path) -> None:
    first = await opened(desk, a_memory(tmp_path / "new"))
    await desk.record(1)
    await desk.sign()()
    known = await opened(desk, a_memory(tmp_path / "new" / ".." / "memory"))
    lost = await opened(desk, a_memory(tmp_path / "lost"))
    nowhere = await opened(desk, a_memory(None))
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "0.memory").write_text("somebody's\n")
    unreadable = await opened(desk, a_memory(tmp_path / "bad"))

    told = RecordSignerReset(replica="audit@host:1", reason="absent", chains=1)
    assert (first, known) == ([], [])
    assert (lost, nowhere) == ([told], [told])
    assert unreadable == [told.model_copy(update={"reason": "unreadable"})]
    assert (tmp_path / "bad" / "0.memory.unreadable").read_text() == "somebody's\n"


async def test_recording_goes_on_when_the_folder_cannot_be_used(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    memory = a_memory(tmp_path / "file")

    await opened(desk, memory)
    await memory.write("log", 1, b"\x01" * 32)

    assert await memory.remembered("log") == Remembered(1, b"\x01" * 32, (await memory.remembered("log")).at)  # type: ignore[union-attr]
    assert metrics.SIGNER_DURABLE._value.get() == 0


async def test_the_record_of_a_lost_memory_is_signed(desk: Desk) -> None:
    event = RecordSignerReset(replica="audit@host:1", reason="absent", chains=3)
    line = a_record("reset", account_id=None, type=RecordSignerReset.name)

    record = SignRestoration(desk.store.chains, KEY).reset(event, NOON, line)

    statement = SignerReset.from_json(record.details["statement"])
    assert (statement.replica, statement.reason, statement.chains) == ("audit@host:1", "absent", 3)
    assert statement.is_signed_by(KEYS[KEY.kid])
