"""Opens connections to SQLite files, and creates the files and their tables."""

import re
import sqlite3
import time
from pathlib import Path

from libs.store.sqlite.failures import translated_errors
from libs.store.sqlite.files import FileChangedError, make_private_file
from libs.store.store import OLDEST_SCHEMA, require_known_schema

_CREATE = re.compile(r"CREATE (TABLE|(UNIQUE )?INDEX)")
_ADD = re.compile(r"ALTER TABLE (\w+) ADD COLUMN (\w+)")

BUSY_MS = 4_000
"""How long a write waits for another process's transaction: half of the 8 s that ingress waits for a result."""
READER_BUSY_MS = 250
"""Readers of a WAL never wait for writers. This covers recovery after a crash, during which the event loop blocks."""
_WAL_KEPT = 64 << 20
"""The size in bytes to which the WAL file shrinks after a burst of writes."""


def create_tables(path: Path, schema: str, version: int, *, create: bool = True) -> int:
    """Create the file and its missing tables; returns the schema version that it had, 0 when it is new.

    Without `create`, a missing or empty file is left alone, and unavailable. Blocks; safe when several processes call
    it at the same time.
    """
    with translated_errors():
        if not create and (not path.exists() or path.stat().st_size == 0):
            raise _lost(path)
        make_private_file(path)
        connection = connect(path)
        try:
            connection.execute("BEGIN IMMEDIATE")
            found: int = connection.execute("PRAGMA user_version").fetchone()[0]
            if found == 0 and not create:
                raise _lost(path)
            require_known_schema(found, version, oldest=OLDEST_SCHEMA)
            for statement in schema.split(";"):  # an existing file may lack tables of a newer release
                added = _ADD.match(statement.strip())
                if added and added[2] in {column[1] for column in connection.execute(f"PRAGMA table_info({added[1]})")}:
                    continue
                connection.execute(_CREATE.sub(r"\g<0> IF NOT EXISTS", statement, count=1))
            if found == 0:
                connection.execute(f"PRAGMA user_version = {version}")
            connection.execute("COMMIT")
        finally:
            connection.close()
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
