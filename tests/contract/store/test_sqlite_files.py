"""The files of the SQLite store: a lost, replaced or truncated one is unavailable, and only their owner reads them."""

import os
import shutil
import sqlite3
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from libs.contracts.errors import ErrorCode, GatewayError
from libs.store.factory import open_store
from libs.store.metrics import ERRORS, SIZE_BYTES, Cause
from libs.store.sqlite import database
from libs.store.sqlite.connections import connect, create_tables
from libs.store.sqlite.database import Database
from libs.store.sqlite.files import OpenedFile
from libs.store.sqlite.schema import LEDGER, VERSION
from libs.store.store import Store
from tests.contract.store.builders import a_claim, a_record, after, an_account, takes_writes

FILES = ("gateway.db", "gateway-requests.db", "gateway-ledger.db", "gateway-records.db", "gateway-subjects.db")
Change = Callable[[Path], object]


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'gateway.db'}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
async def store(folder: Path) -> AsyncIterator[Store]:
    opened = await open_store(url_of(folder))
    await opened.registry.save(an_account(), [], created=True)
    yield opened
    await opened.close()


def replace_by_copy(file: Path) -> None:
    copy = file.with_suffix(".copy")
    shutil.copy(file, copy)
    copy.replace(file)


def truncate(file: Path) -> None:
    os.truncate(file, 0)


def truncate_half(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 8192 * 4096)


CHANGES: dict[str, Change] = {
    "removed": Path.unlink,
    "renamed": lambda file: file.rename(file.with_suffix(".old")),
    "replaced by a copy": replace_by_copy,
    "truncated": truncate,
    "truncated to a half": truncate_half,
    "its write-ahead log removed": lambda file: file.with_name(file.name + "-wal").unlink(),
    "its write-ahead log replaced": lambda file: replace_by_copy(file.with_name(file.name + "-wal")),
    "its shared memory removed": lambda file: file.with_name(file.name + "-shm").unlink(),
    "its folder renamed": lambda file: file.parent.rename(file.parent.with_name("elsewhere")),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_a_store_whose_file_was_changed_under_it_takes_no_writes(
    store: Store, folder: Path, name: str, change: Change
) -> None:
    before = await takes_writes(store)
    counted = ERRORS.labels(Cause.FILE_CHANGED.value)._value.get()

    change(folder / name)

    assert before
    assert not await takes_writes(store)
    assert ERRORS.labels(Cause.FILE_CHANGED.value)._value.get() > counted


async def test_no_call_is_claimed_in_a_ledger_that_is_not_at_its_path(store: Store, folder: Path) -> None:
    await store.ledger.claim(a_claim("before"))
    ledger = folder / "gateway-ledger.db"
    ledger.rename(folder / "elsewhere")

    with pytest.raises(GatewayError) as refusal:
        await store.ledger.claim(a_claim("meanwhile"))
    (folder / "elsewhere").rename(ledger)
    granted = await store.ledger.claim(a_claim("meanwhile", now=after(60)))

    assert refusal.value.code is ErrorCode.GATEWAY_UNAVAILABLE
    assert "gateway-ledger.db" in "".join(refusal.value.__notes__)
    assert type(granted).__name__ == "Claimed"


async def test_a_claim_in_a_file_that_is_removed_while_it_is_written_is_none(tmp_path: Path) -> None:
    path = tmp_path / "words.db"
    create_tables(path, LEDGER, VERSION)
    opened = Database(path)

    def write_and_remove(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM buckets")
        path.unlink()

    with pytest.raises(GatewayError):
        await opened.change(write_and_remove)

    await opened.close()


async def test_a_file_that_grows_while_two_threads_look_at_it_is_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "words.db"
    create_tables(path, LEDGER, VERSION)
    connection = connect(path)
    connection.execute("SELECT 1 FROM sqlite_schema").fetchone()
    file = OpenedFile(path)
    look = Path.stat

    def look_while_another_thread_sees_it_grow(at: Path) -> os.stat_result:
        found = look(at)
        monkeypatch.setattr(Path, "stat", look)
        connection.execute("CREATE TABLE more AS SELECT randomblob(100000) AS filler")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert look(path).st_size > found.st_size
        file.require_unchanged(connection)
        return found

    monkeypatch.setattr(Path, "stat", look_while_another_thread_sees_it_grow)
    file.require_unchanged(connection)

    assert Path.stat is look
    connection.close()


async def test_reads_of_a_replaced_file_end_within_the_checks_interval(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "CHECK_SECONDS", 0.0)
    before = await store.directory.account("acc-1")
    replace_by_copy(folder / "gateway.db")

    with pytest.raises(GatewayError):
        await store.directory.account("acc-1")

    assert before is not None


@pytest.mark.parametrize("name", FILES[1:])
@pytest.mark.parametrize("change", [Path.unlink, truncate], ids=["missing", "empty"])
async def test_no_empty_file_is_made_in_place_of_a_lost_one(folder: Path, name: str, change: Change) -> None:
    await (await open_store(url_of(folder))).close()
    change(folder / name)

    with pytest.raises(GatewayError) as refusal:
        await open_store(url_of(folder))
    left = (folder / name).exists() and (folder / name).stat().st_size > 0

    assert name in "".join(refusal.value.__notes__)
    assert not left


async def test_no_empty_main_file_is_made_beside_a_ledger_in_use(folder: Path) -> None:
    opened = await open_store(url_of(folder))
    await opened.ledger.claim(a_claim("sent"))
    await opened.close()
    (folder / "gateway.db").unlink()

    with pytest.raises(GatewayError) as refusal:
        await open_store(url_of(folder))

    assert "gateway.db is missing" in "".join(refusal.value.__notes__)


async def test_a_copy_of_the_record_alone_can_be_opened(folder: Path, tmp_path: Path) -> None:
    opened = await open_store(url_of(folder))
    await opened.records.append([a_record("record-1")])
    await opened.close()
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(folder / "gateway-records.db", copy)

    again = await open_store(url_of(copy))

    assert await again.records.append([a_record("record-1")]) == 0
    await again.close()


async def test_a_first_start_that_was_cut_off_goes_on(folder: Path) -> None:
    await (await open_store(url_of(folder))).close()
    for name in ("gateway.db", "gateway-subjects.db"):
        (folder / name).unlink()

    again = await open_store(url_of(folder))

    assert await takes_writes(again)
    await again.close()


@pytest.fixture
def no_umask() -> Iterator[None]:
    old = os.umask(0)
    yield
    os.umask(old)


def modes(folder: Path) -> set[str]:
    return {oct(stat.S_IMODE(each.stat().st_mode)) for each in folder.iterdir()}


@pytest.mark.usefixtures("no_umask")
async def test_nobody_else_reads_the_files_whatever_the_umask_is(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"

    opened = await open_store(url_of(folder))
    await takes_writes(opened)
    found = modes(folder)
    await opened.close()

    assert found == {"0o600"}
    assert [oct(stat.S_IMODE(each.stat().st_mode)) for each in (folder, folder.parent)] == ["0o700"] * 2


@pytest.mark.usefixtures("no_umask")
async def test_files_of_an_earlier_release_are_tightened(folder: Path) -> None:
    await (await open_store(url_of(folder))).close()
    folder.chmod(0o755)
    for each in folder.iterdir():
        each.chmod(0o644)

    opened = await open_store(url_of(folder))
    found = modes(folder)
    await opened.close()

    assert found == {"0o600"}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_a_folder_with_other_things_in_it_keeps_its_access_rights(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("of somebody else")
    tmp_path.chmod(0o755)

    opened = await open_store(url_of(tmp_path))
    await opened.close()

    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


async def test_a_url_that_names_a_folder_is_refused_and_the_folder_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "gateway.db"
    folder.mkdir(mode=0o755)

    with pytest.raises(ValueError, match="names a folder"):
        await open_store(url_of(tmp_path))

    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


@pytest.mark.usefixtures("store")
async def test_the_size_of_each_file_is_a_metric() -> None:
    collected = {sample.labels["database"]: sample.value for sample in next(iter(SIZE_BYTES.collect())).samples}

    assert all(collected[name] > 0 for name in ("main", "requests", "ledger", "records", "subjects"))


class OtherCheckpoints:
    """A connection to a file on which another process has begun so many checkpoints: SQLite does not wait for them."""

    def __init__(self, count: int) -> None:
        self.left = count

    def execute(self, _: str) -> "OtherCheckpoints":
        return self

    def fetchone(self) -> tuple[int, int, int]:
        self.left -= 1
        return int(self.left >= 0), 0, 0

    def close(self) -> None:
        """As a connection."""


@pytest.mark.parametrize(("checkpoints", "emptied"), [(0, True), (20, True), (10**6, False)])
async def test_a_write_ahead_log_that_another_checkpoint_uses_is_emptied_on_a_later_try_or_the_caller_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, checkpoints: int, emptied: bool
) -> None:
    path = tmp_path / "words.db"
    create_tables(path, LEDGER, VERSION)
    opened = Database(path)
    other = OtherCheckpoints(checkpoints)
    monkeypatch.setattr("libs.store.sqlite.database.connect", lambda *_, **__: other)
    monkeypatch.setattr("libs.store.sqlite.database.TRUNCATE_PAUSE", 0.001)
    monkeypatch.setattr("libs.store.sqlite.database.TRUNCATE_SECONDS", 10.0 if emptied else 0.1)

    with nullcontext() if emptied else pytest.raises(GatewayError):
        await opened.truncate_wal()

    monkeypatch.undo()
    await opened.close()
