"""Opens connections to SQLite files, and creates the files and their tables."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from libs.store.migration import MigrationRefused, Say, require_current_schema, require_relied_on
from libs.store.sqlite.failures import translated_errors
from libs.store.sqlite.files import FileChangedError, make_private_file
from libs.store.sqlite.steps import Step, has_rows, missing_steps
from libs.store.store import OLDEST_SCHEMA, require_known_schema

BUSY_MS = 4_000
"""How long a write waits for another process's transaction: half of the 8 s that ingress waits for a result."""
MIGRATION_BUSY_MS = 600_000
"""How long a migration waits for a writer: nobody waits for it, and another migration may build an index meanwhile."""
READER_BUSY_MS = 250
"""Readers of a WAL never wait for writers. This covers recovery after a crash, during which the event loop blocks."""
_WAL_KEPT = 64 << 20
"""The size in bytes to which the WAL file shrinks after a burst of writes."""


def create_tables(path: Path, schema: str, version: int, *, create: bool = True) -> list[str]:
    """Create the file and its missing tables and columns, and indexes of empty tables; returns the indexes it lacks.

    Without `create`, a missing or empty file is left alone, and unavailable. Blocks; safe when several processes call
    it at the same time. Raises GatewayError(gateway_unavailable) when the file must be migrated before it is used.
    """
    with _changing(path, create=create) as connection:
        connection.execute("BEGIN IMMEDIATE")
        found = _require_version(connection, path, version, create=create)
        require_current_schema(found, version)
        missing = []
        for step in missing_steps(connection, schema):
            if step.is_index and found and has_rows(connection, step.table):
                missing.append(step)
            else:
                connection.execute(step.sql)
        require_relied_on([step.name for step in missing if step.is_relied_on])
        if found == 0:
            connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("COMMIT")
    return [step.name for step in missing]


def migrate_tables(path: Path, schema: str, version: int, say: Say, *, create: bool = True) -> list[str]:
    """Make every missing step of the file, each in its own transaction, however long it takes; returns their names.

    Blocks, as `create_tables` does. A file that is new is created as there, in one transaction. While an index is built
    no other process writes to the file. Raises MigrationRefused, and GatewayError as `create_tables` does.
    """
    if not path.exists() or path.stat().st_size == 0:
        create_tables(path, schema, version, create=create)
        say(f"{path.name}: created")
        return [path.stem]
    done: list[str] = []
    while (step := _make_next(path, schema, version, say, create=create)) is not None:
        done.append(f"{path.stem}.{step.name}")
    return done


def _make_next(path: Path, schema: str, version: int, say: Say, *, create: bool) -> Step | None:
    """Make the first missing step, in a transaction; None when there is none left, and the file has the version."""
    with _changing(path, create=create, busy_ms=MIGRATION_BUSY_MS) as connection:
        connection.execute("BEGIN IMMEDIATE")
        found = _require_version(connection, path, version, create=create)
        step = next(iter(missing_steps(connection, schema)), None)
        if step is not None:
            _make(connection, path, step, say)
        elif found != version:
            connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("COMMIT")
    if step is not None:
        say(f"{path.name}: {step.name}: made")
    return step


def _make(connection: sqlite3.Connection, path: Path, step: Step, say: Say) -> None:
    if step.is_index:
        rows = connection.execute(f"SELECT count(*) FROM {step.table}").fetchone()[0]  # noqa: S608 -- a name of the schema
        say(f"{path.name}: {step.name}: building over {rows:,} rows; other processes wait with their writes")
    try:
        connection.execute(step.sql)
    except sqlite3.IntegrityError:
        raise MigrationRefused(
            f"{path.name}: the unique index {step.name} cannot be built, rows of {step.table} have the same values"
        ) from None


@contextmanager
def _changing(path: Path, *, create: bool, busy_ms: int = BUSY_MS) -> Iterator[sqlite3.Connection]:
    """A connection to the file, which is created if that is allowed. Without a COMMIT nothing is changed."""
    with translated_errors():
        if not create and (not path.exists() or path.stat().st_size == 0):
            raise _lost(path)
        make_private_file(path)
        connection = connect(path, busy_ms=busy_ms)
        try:
            yield connection
        finally:
            connection.close()


def _require_version(connection: sqlite3.Connection, path: Path, version: int, *, create: bool) -> int:
    """The file's schema version, 0 when it is new. Raises RuntimeError for one that this release does not know."""
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if found == 0 and not create:
        raise _lost(path)
    require_known_schema(found, version, oldest=OLDEST_SCHEMA)
    return found


def holds(path: Path, sql: str) -> bool:
    """Whether the query's first value is true. Blocks. False for a missing or empty file, which is not created."""
    with translated_errors():
        if not path.exists() or path.stat().st_size == 0:
            return False
        connection = connect(path)
        try:
            return bool(connection.execute(sql).fetchone()[0])
        finally:
            connection.close()


def connect(path: Path, *, busy_ms: int = BUSY_MS, query_only: bool = False) -> sqlite3.Connection:
    """A connection in WAL mode, for any thread. Blocks; raises sqlite3.Error."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    connection.execute(f"PRAGMA busy_timeout = {busy_ms}")
    _use_wal(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")  # erased persons must not be found in free pages
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT}")
    if query_only:
        connection.execute("PRAGMA query_only = ON")
    return connection


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch the file to WAL. SQLite reports `busy` without waiting if another process does the same, so retry."""
    for attempt in range(BUSY_MS // 20):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or attempt == BUSY_MS // 20 - 1:
                raise
            time.sleep(0.02)
        else:
            return


def _lost(path: Path) -> FileChangedError:
    return FileChangedError(
        f"{path.name} is missing or empty, other files of the store are not: put it back, or restore it from a backup"
    )
