"""The contract of `migrate_store`, and what a store does that has not been migrated, on both adapters.

A store of an earlier release is one from which indexes were removed after values had been stored.
"""

import asyncio
import logging
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from libs.contracts.errors import GatewayError
from libs.store.factory import migrate_store, open_store
from libs.store.metrics import INDEXES_MISSING
from libs.store.migration import CHECK_SECONDS, MigrationRefused, MissingIndexes, require_current_schema
from libs.store.records import RecordFilter
from libs.store.sqlite.connections import create_tables, migrate_tables
from libs.store.sqlite.schema import VERSION
from libs.store.sqlite.steps import NAMING_TABLES
from tests.contract.store.builders import a_record, takes_writes

ROOT = Path(__file__).parents[3]
TOLD: list[str] = []


class Sqlite:
    """The files of a SQLite store, changed as nobody but a release does."""

    lacking, unique = "erased_customers_by_time", "records_of_chain"
    made, made_unique = "gateway.erased_customers_by_time", "gateway-records.records_of_chain"

    def __init__(self, url: str) -> None:
        self._path = Path(urlsplit(url).path)
        self._records = self._path.with_name("gateway-records.db")

    async def remove_index(self, name: str) -> None:
        if name == self.unique:
            self._execute(self._records, f"DROP INDEX {name}")
        else:
            self._execute(self._path, "INSERT INTO erased_customers VALUES ('a', 1), ('b', 2)")
            self._execute(self._path, f"DROP INDEX {name}")

    async def write_the_same_twice(self) -> None:
        self._execute(self._records, "UPDATE records SET chain_seq = 1")

    async def set_version(self, version: int) -> None:
        self._execute(self._records, f"PRAGMA user_version = {version}")

    async def indexes(self) -> set[str]:
        found: set[str] = set()
        for file in (self._path, self._records):
            database = sqlite3.connect(file)
            found |= {name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'index'")}
            database.close()
        return found

    def _execute(self, file: Path, sql: str) -> None:
        with sqlite3.connect(file) as database:
            database.execute(sql)
        database.close()

    def close(self) -> None:
        """Nothing is open."""


class Mongo:
    """The collections of a MongoDB store."""

    lacking, unique = "at_id", "sha256"
    made, made_unique = "records.at_id", "tokens.sha256"

    def __init__(self, url: str) -> None:
        import pymongo  # noqa: PLC0415 -- not on every machine

        self._client: Any = pymongo.MongoClient(url)
        self._database = self._client.get_default_database()

    async def remove_index(self, name: str) -> None:
        collection, index = ("tokens", "sha256") if name == self.unique else ("records", "at_id")
        if name == self.unique:
            self._database[collection].insert_one({"_id": "tok-1", "sha256": "a"})
        self._database[collection].drop_index(index)

    async def write_the_same_twice(self) -> None:
        self._database["tokens"].insert_one({"_id": "tok-2", "sha256": "a"})

    async def set_version(self, version: int) -> None:
        self._database["schema"].update_one({"_id": "version"}, {"$set": {"version": version}})

    async def indexes(self) -> set[str]:
        return {*self._database["records"].index_information(), *self._database["tokens"].index_information()}

    def close(self) -> None:
        self._client.close()


Owner = Sqlite | Mongo


@pytest.fixture
def owner(store_url: str) -> Iterator[Owner]:
    found = Sqlite(store_url) if store_url.startswith("sqlite:") else Mongo(store_url)
    yield found
    found.close()


@pytest.fixture
async def used(store_url: str) -> str:
    """The URL of a store that holds records, and is closed."""
    store = await open_store(store_url)
    await store.records.append([a_record("record-1"), a_record("record-2")])
    await store.close()
    return store_url


def say(line: str) -> None:
    TOLD.append(line)


async def refused(call: Awaitable[Any]) -> str:
    """The cause for which the store cannot be used now."""
    with pytest.raises(GatewayError) as raised:
        await call
    return "; ".join(raised.value.__notes__)


async def test_a_fresh_store_is_made_by_a_migration_or_by_whoever_opens_it_first(store_url: str, owner: Owner) -> None:
    migrated = await migrate_store(store_url, say)

    again = await migrate_store(store_url, say)
    store = await open_store(store_url)

    assert migrated.done
    assert (again.done, again.version) == ((), migrated.version)
    assert {owner.lacking, owner.unique} <= await owner.indexes()
    assert await takes_writes(store)
    await store.close()


async def test_a_service_starts_without_an_index_of_stored_values_and_does_not_build_it(
    used: str, owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    await owner.remove_index(owner.lacking)
    with caplog.at_level(logging.WARNING):
        store = await open_store(used)

    page = await store.records.page(RecordFilter(), limit=10, cursor=None)
    await store.probe()
    await store.close()

    assert len(page.items) == 2
    assert owner.lacking not in await owner.indexes()
    assert INDEXES_MISSING._value.get() == 1
    assert [r.getMessage().count("gateway migrate") for r in caplog.records if "lacks indexes" in r.message] == [1]


async def test_a_migration_builds_it_and_tells_over_how_much(used: str, owner: Owner) -> None:
    await owner.remove_index(owner.lacking)
    TOLD.clear()

    migrated = await migrate_store(used, say)

    store = await open_store(used)
    await store.close()
    assert migrated.done == (owner.made,)
    assert owner.lacking in await owner.indexes()
    assert any("building over 2 " in line for line in TOLD)
    assert INDEXES_MISSING._value.get() == 0


async def test_migrations_at_the_same_time_both_succeed(used: str, owner: Owner) -> None:
    await owner.remove_index(owner.lacking)

    both = await asyncio.gather(*(migrate_store(used, say) for _ in range(4)))

    assert owner.lacking in await owner.indexes()
    assert owner.made in {step for each in both for step in each.done}


async def test_a_service_waits_for_a_unique_index_that_writes_rely_on(used: str, owner: Owner) -> None:
    await owner.remove_index(owner.unique)

    cause = await refused(open_store(used))
    migrated = await migrate_store(used, say)
    store = await open_store(used)

    assert owner.unique in cause
    assert "run `gateway migrate`" in cause
    assert migrated.done == (owner.made_unique,)
    assert await takes_writes(store)
    await store.close()


async def test_equal_values_under_a_unique_index_are_refused_without_repeating_them(used: str, owner: Owner) -> None:
    await owner.remove_index(owner.unique)
    await owner.write_the_same_twice()

    with pytest.raises(MigrationRefused, match="have the same values") as raised:
        await migrate_store(used, say)

    assert not raised.value.no_access
    assert owner.unique not in await owner.indexes()


async def test_a_store_of_the_schema_before_is_refused_until_a_migration_has_raised_it(used: str, owner: Owner) -> None:
    await owner.set_version(VERSION - 1)

    cause = await refused(open_store(used))
    migrated = await migrate_store(used, say)
    store = await open_store(used)
    page = await store.records.page(RecordFilter(), limit=10, cursor=None)
    await store.close()

    assert f"needs {VERSION}: run `gateway migrate`" in cause
    assert migrated.version == VERSION
    assert len(page.items) == 2


async def test_a_schema_of_a_newer_release_is_not_migrated(used: str, owner: Owner) -> None:
    await owner.set_version(99)

    with pytest.raises(RuntimeError, match="run the newer release"):
        await migrate_store(used, say)


def test_only_queries_of_tables_that_are_known_for_it_name_their_index() -> None:
    sources = [path.read_text("utf-8") for path in (ROOT / "libs" / "store" / "sqlite").glob("*.py")]

    tables = {table for source in sources for table in re.findall(r"FROM (\w+) INDEXED BY", source)}

    assert tables == NAMING_TABLES


def test_an_older_schema_is_waited_for_and_a_new_store_is_not() -> None:
    require_current_schema(0, 3)
    require_current_schema(3, 3)

    with pytest.raises(GatewayError) as raised:
        require_current_schema(2, 3)

    assert raised.value.__notes__ == ["the store has schema version 2, this release needs 3: run `gateway migrate`"]


SCHEMA = "CREATE TABLE lines (word TEXT NOT NULL)"
LATER = f"{SCHEMA};\nALTER TABLE lines ADD COLUMN at INTEGER;\nCREATE INDEX lines_by_time ON lines (at)"


def an_old_file(folder: Path) -> Path:
    """A file of schema version 2 with a row."""
    file = folder / "words.db"
    create_tables(file, SCHEMA, 2)
    with sqlite3.connect(file) as database:
        database.execute("INSERT INTO lines VALUES ('kept')")
    database.close()
    return file


def state_of(file: Path) -> tuple[int, list[Any]]:
    with sqlite3.connect(file) as database:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        rows = database.execute("SELECT * FROM lines").fetchall()
    database.close()
    return version, rows


def test_a_file_of_an_older_version_is_left_alone_by_a_service_and_raised_by_a_migration(tmp_path: Path) -> None:
    file = an_old_file(tmp_path)
    with pytest.raises(GatewayError):
        create_tables(file, LATER, 3)
    before = state_of(file)

    done = migrate_tables(file, LATER, 3, say)

    assert before == (2, [("kept",)])
    assert done == ["words.lines.at", "words.lines_by_time"]
    assert state_of(file) == (3, [("kept", None)])
    assert create_tables(file, LATER, 3) == []


def test_a_column_of_the_same_version_is_added_by_a_service_and_its_index_is_not(tmp_path: Path) -> None:
    file = an_old_file(tmp_path)

    missing = create_tables(file, LATER, 2)

    assert missing == ["lines_by_time"]
    assert state_of(file) == (2, [("kept", None)])


class Killed(Exception):  # noqa: N818 -- what a signal does
    """The process ends at this line."""


@pytest.mark.parametrize("at", range(1, 6))
def test_a_migration_that_is_cut_off_at_any_line_is_finished_by_the_next(tmp_path: Path, at: int) -> None:
    file = an_old_file(tmp_path)
    told: list[str] = []

    def die(line: str) -> None:
        told.append(line)
        if len(told) == at:
            raise Killed

    try:
        migrate_tables(file, LATER, 3, die)
        cut_off = False
    except Killed:
        cut_off = True
        assert state_of(file)[0] == 2
    migrate_tables(file, LATER, 3, say)

    assert cut_off == (at <= 3)
    assert state_of(file) == (3, [("kept", None)])
    assert create_tables(file, LATER, 3) == []


def test_a_killed_process_leaves_a_file_that_the_next_migration_finishes(tmp_path: Path) -> None:
    """SIGKILL while the index is built."""
    file = an_old_file(tmp_path)
    with sqlite3.connect(file) as database:
        database.execute(
            "INSERT INTO lines WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) "
            "SELECT printf('%d', i * 7919 % 300007) FROM n"
        )
    database.close()
    code = (
        "from pathlib import Path\nfrom libs.store.sqlite.connections import migrate_tables\n"
        f"migrate_tables(Path({str(file)!r}), {LATER.replace('(at)', '(word, at)')!r}, 3, "
        "lambda line: print(line, flush=True))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while "building" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate()

    done = migrate_tables(file, LATER.replace("(at)", "(word, at)"), 3, say)

    assert process.returncode == -signal.SIGKILL
    assert done in (["words.lines_by_time"], [])
    assert state_of(file)[0] == 3


async def test_the_gauge_falls_by_itself_and_the_log_tells_a_lack_once(caplog: pytest.LogCaptureFixture) -> None:
    now, lacking = [0.0], ["records.at_id"]

    async def find() -> list[str]:
        return list(lacking)

    with caplog.at_level(logging.WARNING):
        missing = MissingIndexes(find, lacking, lambda: now[0])
        early = missing.look_if_due()
        now[0] += CHECK_SECONDS
        await look(missing)
        lacking.clear()
        still = INDEXES_MISSING._value.get()
        now[0] += CHECK_SECONDS
        await look(missing)

    assert early is None
    assert still == 1
    assert INDEXES_MISSING._value.get() == 0
    assert len(caplog.records) == 1


async def look(missing: MissingIndexes) -> None:
    task = missing.look_if_due()
    assert task is not None
    await task
