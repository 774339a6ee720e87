"""One SQLite file: group commit, isolated failures, and recovery from a full disk."""

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from libs.contracts.errors import ErrorCode, GatewayError
from libs.store.factory import open_store
from libs.store.sqlite.connections import create_tables
from libs.store.sqlite.database import Database
from tests.contract.store.builders import UNPACED, a_claim, a_refusal, after, takes_writes

TABLE = "CREATE TABLE lines (word TEXT NOT NULL UNIQUE, filler BLOB)"
DAYS = 86_400
PATIENT = replace(UNPACED, max_wait=1e9)
ROOT = Path(__file__).parents[3]
Change = Callable[[sqlite3.Connection], Any]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "words.db"


@pytest.fixture
async def database(file: Path) -> AsyncIterator[Database]:
    create_tables(file, TABLE, 1)
    opened = Database(file)
    yield opened
    await opened.close()


def insert(word: str, filler: int = 0) -> Change:
    return lambda connection: connection.execute("INSERT INTO lines VALUES (?, zeroblob(?))", (word, filler))


def words(database: Database) -> set[str]:
    found = database.row("SELECT group_concat(word) FROM lines")[0]
    return set(found.split(",")) if found else set()


async def in_one_transaction(database: Database, changes: list[Change]) -> list[Any]:
    """Let the writer find all `changes` waiting when it comes back from an earlier one."""
    gate = threading.Event()
    earlier = asyncio.ensure_future(database.change(lambda _: gate.wait(10)))
    waiting = [asyncio.ensure_future(database.change(change)) for change in changes]
    await asyncio.sleep(0)
    gate.set()
    return (await asyncio.gather(earlier, *waiting, return_exceptions=True))[1:]


async def test_what_waits_together_is_committed_together(database: Database) -> None:
    statements: list[str] = []
    await database.change(lambda connection: connection.set_trace_callback(statements.append))

    await in_one_transaction(database, [insert(f"w{n}") for n in range(100)])

    assert len(words(database)) == 100
    assert statements.count("COMMIT") <= 3


async def test_a_change_that_fails_undoes_itself_and_not_its_neighbours(database: Database) -> None:
    def half_done(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO lines VALUES ('half', NULL)")
        raise LookupError("no more")

    results = await in_one_transaction(database, [insert("a"), half_done, insert("b"), insert("a"), insert("c")])

    assert words(database) == {"a", "b", "c"}
    assert isinstance(results[1], LookupError)
    assert isinstance(results[3], sqlite3.IntegrityError)


async def test_a_cancelled_caller_stops_no_other_change(database: Database) -> None:
    gate = threading.Event()
    earlier = asyncio.ensure_future(database.change(lambda _: gate.wait(10)))
    given_up = asyncio.ensure_future(database.change(insert("given up")))
    await asyncio.sleep(0)

    given_up.cancel()
    gate.set()
    await earlier
    await database.change(insert("later"))

    assert "later" in words(database)


async def test_a_rollback_that_fails_ends_nothing(database: Database) -> None:
    refusals = 3

    def deny_rollback(action: int, name: str | None, *_: object) -> int:
        nonlocal refusals
        if action == sqlite3.SQLITE_TRANSACTION and name == "ROLLBACK" and refusals:
            refusals -= 1
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK

    def fail(connection: sqlite3.Connection) -> None:
        connection.set_authorizer(deny_rollback)  # as on a disk that fails
        raise KeyError

    with pytest.raises((KeyError, GatewayError)):
        await database.change(fail)
    answers: list[Any] = []
    async with asyncio.timeout(10):
        while not answers:
            with suppress(GatewayError):
                answers.append(await database.change(lambda connection: connection.execute("SELECT 1").fetchone()))

    assert (answers, refusals) == ([(1,)], 0)


async def test_a_full_disk_is_unavailable_corrupts_nothing_and_is_over_when_there_is_room(
    database: Database, file: Path
) -> None:
    await database.change(insert("before"))
    pages = await database.change(lambda connection: connection.execute("PRAGMA page_count").fetchone()[0])
    await database.change(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages + 2}").fetchone())

    results = await in_one_transaction(database, [insert("small"), insert("big", 1 << 20), insert("another")])
    await database.change(insert("fits", 10))
    with pytest.raises(GatewayError) as refused:
        await database.change(insert("big", 1 << 20))
    await database.change(lambda connection: connection.execute("PRAGMA max_page_count = 1000000").fetchone())
    await database.change(insert("big", 1 << 20))

    failed = [result for result in results if isinstance(result, GatewayError)]
    assert refused.value.code is ErrorCode.GATEWAY_UNAVAILABLE
    assert {error.code for error in failed} == {ErrorCode.GATEWAY_UNAVAILABLE}
    answered = {word for word, result in zip(("small", "big", "another"), results, strict=True) if result not in failed}
    assert words(database) == {"before", "fits", "big"} | answered
    assert sqlite3.connect(file).execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_a_file_that_another_process_keeps_locked_is_unavailable_until_it_lets_go(
    database: Database, file: Path
) -> None:
    await database.change(lambda connection: connection.execute("PRAGMA busy_timeout = 50").fetchone())
    lock = sqlite3.connect(file, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")

    with pytest.raises(GatewayError) as refused:
        await database.change(insert("meanwhile"))
    meanwhile = words(database)
    lock.execute("ROLLBACK")
    await database.change(insert("later"))

    assert refused.value.details["unavailable"] == "store"
    assert meanwhile == set()
    assert words(database) == {"later"}
    lock.close()


async def test_a_closed_file_is_unavailable(database: Database) -> None:
    await database.close()

    with pytest.raises(GatewayError):
        await database.change(insert("late"))
    with pytest.raises(GatewayError):
        database.row("SELECT 1")
    with pytest.raises(GatewayError):
        await database.rows("SELECT 1")


async def test_closing_makes_the_changes_that_wait(database: Database, file: Path) -> None:
    waiting = [asyncio.ensure_future(database.change(insert(f"w{n}"))) for n in range(300)]
    await asyncio.sleep(0)

    await database.close()

    await asyncio.gather(*waiting)
    assert sqlite3.connect(file).execute("SELECT count(*) FROM lines").fetchone() == (300,)


async def test_a_long_scan_keeps_no_other_waiting_and_closing_waits_for_it(database: Database) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slowly(connection: sqlite3.Connection) -> int:
        begun.set()
        assert go_on.wait(10)
        return len(connection.execute("SELECT * FROM lines").fetchall())

    long = asyncio.create_task(database.scan(slowly))
    assert await asyncio.to_thread(begun.wait, 10)
    other = await database.rows("SELECT 1")
    closing = asyncio.create_task(database.close())
    go_on.set()

    assert (other, await long) == ([(1,)], 0)
    await closing
    with pytest.raises(GatewayError):
        await database.rows("SELECT 1")


async def test_a_reader_writes_nothing(database: Database) -> None:
    with pytest.raises(GatewayError):
        await database.rows("INSERT INTO lines VALUES ('sneaked', NULL)")

    assert words(database) == set()


async def test_a_file_that_is_read_during_setup_is_opened_after_the_read(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    slow = sqlite3.connect(path, isolation_level=None)
    slow.executescript("CREATE TABLE early (word); BEGIN; SELECT * FROM early")

    opening = asyncio.ensure_future(open_store(f"sqlite:///{path}"))
    await asyncio.wait({opening}, timeout=0.2)
    was_waiting = not opening.done()
    slow.execute("COMMIT")
    store = await opening

    assert was_waiting
    assert await takes_writes(store)
    await store.close()
    slow.close()


def test_of_five_processes_that_make_a_file_at_the_same_instant_none_fails(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.contract.store.opening_together", str(tmp_path)]

    together = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)

    assert (together.returncode, together.stderr) == (0, b"")


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "gateway.db").write_bytes(b"These are not the tables you are looking for. " * 200)

    with pytest.raises(GatewayError) as refused:
        await open_store(f"sqlite:///{tmp_path / 'gateway.db'}")

    assert refused.value.code is ErrorCode.GATEWAY_UNAVAILABLE


async def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")

    with pytest.raises(GatewayError):
        await open_store(f"sqlite:///{tmp_path / 'taken' / 'gateway.db'}")


async def test_a_file_of_a_newer_release_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    await (await open_store(f"sqlite:///{path}")).close()
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 99")
    newer.close()

    with pytest.raises(RuntimeError, match="schema version 99"):
        await open_store(f"sqlite:///{path}")

    assert sqlite3.connect(path).execute("PRAGMA user_version").fetchone() == (99,)


@pytest.mark.usefixtures("any_jump")
async def test_decisions_older_than_eight_days_go_a_few_at_a_time(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path / 'gateway.db'}")
    for number in range(300):
        await store.decisions.decide(a_refusal(f"old-{number}"))

    for number in range(200):
        await store.decisions.decide(a_refusal(f"new-{number}", now=after(9 * DAYS)))
    await store.close()

    kept = sqlite3.connect(tmp_path / "gateway.db").execute("SELECT event_id FROM decisions").fetchall()
    assert {event_id for (event_id,) in kept} == {f"new-{number}" for number in range(200)}


@pytest.mark.usefixtures("any_jump")
async def test_ledger_entries_of_a_month_ago_and_buckets_at_rest_go_too(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path / 'gateway.db'}")
    for number in range(300):
        await store.ledger.claim(a_claim(f"old-{number}", customer_key=f"old-{number}"))
    await store.pacing.hold(scope="app", key="app", until=after(40 * DAYS), now=after(0))

    for number in range(600):
        later = after(31 * DAYS + number)
        await store.ledger.claim(
            a_claim(f"new-{number}", account_id="acc-2", customer_key=f"new-{number}", now=later, pace=PATIENT)
        )
    await store.close()

    ledger = sqlite3.connect(tmp_path / "gateway-ledger.db")
    entries = {row[0] for row in ledger.execute("SELECT event_id FROM entries")}
    buckets = {row[0] for row in ledger.execute("SELECT id FROM buckets")}
    ledger.close()
    assert entries == {f"new-{number}" for number in range(600)}
    assert "app:app" in buckets
    assert not {name for name in buckets if "old-" in name}
