"""The writer's thread gets the changes of one step of the event loop together, and loses none when it stops."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from libs.store.sqlite.connections import connect
from libs.store.sqlite.writer import GATHERED, Writer

LONG = 30.0
"""Seconds: far more than a change takes."""


class Checks:
    """Counts what the writer asks before and after each transaction."""

    count = 0

    def __call__(self, _: sqlite3.Connection) -> None:
        self.count += 1


@pytest.fixture
def path(tmp_path: Path) -> Path:
    connect(tmp_path / "rows.db").execute("CREATE TABLE rows (number INTEGER)").connection.close()
    return tmp_path / "rows.db"


@pytest.fixture
def checks() -> Checks:
    return Checks()


@pytest.fixture
def writer(path: Path, checks: Checks) -> Iterator[Writer]:
    made = Writer(connect(path), path.name, checks)
    yield made
    made.stop()


def adding(number: int, ran: threading.Event | None = None) -> Callable[[sqlite3.Connection], int]:
    def add(connection: sqlite3.Connection) -> int:
        if ran is not None:
            ran.set()
        return connection.execute("INSERT INTO rows VALUES (?)", (number,)).rowcount

    return add


def numbers_in(path: Path) -> list[int]:
    reader = connect(path, query_only=True)
    try:
        return [number for (number,) in reader.execute("SELECT number FROM rows ORDER BY rowid")]
    finally:
        reader.close()


async def test_the_changes_of_one_step_are_one_transaction_in_their_order(
    path: Path, writer: Writer, checks: Checks
) -> None:
    ran = threading.Event()
    futures = [writer.submit(adding(0, ran))]
    began_within_the_step = ran.wait(0.05)
    futures += [writer.submit(adding(number)) for number in range(1, GATHERED - 1)]

    assert await asyncio.gather(*futures) == [1] * (GATHERED - 1)
    assert not began_within_the_step
    assert checks.count == 2  # one transaction
    assert numbers_in(path) == list(range(GATHERED - 1))


async def test_many_changes_begin_before_the_step_ends(path: Path, writer: Writer) -> None:
    ran = threading.Event()
    futures = [writer.submit(adding(number, ran)) for number in range(GATHERED)]

    assert ran.wait(LONG)  # the loop is held: nothing else can have handed them over
    last = writer.submit(adding(GATHERED))
    await asyncio.gather(*futures, last)
    assert numbers_in(path) == list(range(GATHERED + 1))


async def test_a_change_that_was_asked_for_just_before_the_stop_is_written(path: Path, checks: Checks) -> None:
    writer = Writer(connect(path), path.name, checks)
    future = writer.submit(adding(7))

    writer.stop()

    assert numbers_in(path) == [7]
    assert await future == 1


async def test_a_change_that_fails_leaves_the_others_of_its_step(path: Path, writer: Writer) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO rows VALUES (99)")
        raise LookupError

    results = await asyncio.gather(
        writer.submit(adding(1)), writer.submit(fail), writer.submit(adding(2)), return_exceptions=True
    )

    assert results[0] == results[2] == 1
    assert isinstance(results[1], LookupError)
    assert numbers_in(path) == [1, 2]


async def test_when_one_change_fails_the_others_are_made_again_and_stand_once(path: Path, writer: Writer) -> None:
    ran: list[str] = []

    def add(connection: sqlite3.Connection) -> int:
        ran.append("add")
        return connection.execute("INSERT INTO rows VALUES (1)").rowcount

    def fail(_: sqlite3.Connection) -> None:
        ran.append("fail")
        raise LookupError

    results = await asyncio.gather(writer.submit(add), writer.submit(fail), writer.submit(add), return_exceptions=True)

    assert ran == ["add", "fail", "add", "fail", "add"]
    assert results[0] == results[2] == 1
    assert numbers_in(path) == [1, 1]


async def test_a_change_that_fails_alone_runs_once(path: Path, writer: Writer) -> None:
    ran: list[str] = []

    def fail(connection: sqlite3.Connection) -> None:
        ran.append("fail")
        connection.execute("INSERT INTO rows VALUES (1)")
        raise LookupError

    with pytest.raises(LookupError):
        await writer.submit(fail)

    assert ran == ["fail"]
    assert numbers_in(path) == []


async def test_changes_that_succeed_need_no_savepoint(writer: Writer) -> None:
    statements: list[str] = []
    await writer.submit(lambda connection: connection.set_trace_callback(statements.append))

    await asyncio.gather(*(writer.submit(adding(number)) for number in range(3)))

    assert [each.split()[0] for each in statements if "INSERT" not in each] == ["COMMIT", "BEGIN", "COMMIT"]
