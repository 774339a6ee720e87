"""One SQLite file: changes go through its writer, point reads run on the event loop, long reads in a thread.

The rule: only this module translates SQLite's errors to `gateway_unavailable`; no other module of the adapter catches
them.
"""

import asyncio
import queue
import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import orjson

from libs.contracts.errors import unavailable
from libs.store.sqlite.writer import Writer
from libs.store.store import OLDEST_SCHEMA, require_known_schema

T = TypeVar("T")
_CREATE = re.compile(r"CREATE (TABLE|(UNIQUE )?INDEX)")
_ADD = re.compile(r"ALTER TABLE (\w+) ADD COLUMN (\w+)")

BUSY_MS = 4_000
"""How long a write waits for another process's transaction: half of the 8 s that ingress waits for a result."""
READER_BUSY_MS = 250
"""Readers of a WAL never wait for writers. This covers recovery after a crash, during which the event loop blocks."""
_WAL_KEPT = 64 << 20
"""The size in bytes to which the WAL file shrinks after a burst of writes."""


class Database:
    """One open file. Its methods raise GatewayError(gateway_unavailable) when the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self._writer: Writer | None = Writer(_connect(path), path.name)
        self._reader = _connect(path, busy_ms=READER_BUSY_MS, query_only=True)
        self._path = path
        self._scanners: queue.LifoQueue[sqlite3.Connection | None] = queue.LifoQueue()
        self._scanners.put(None)  # opened on demand: reports delay no lists
        self._scanners.put(_connect(path, query_only=True))

    async def change(self, make: Callable[[sqlite3.Connection], T]) -> T:
        """Run `make` in the writer's next transaction; returns once it is durable. Passes exceptions of `make` on."""
        if self._writer is None:
            raise unavailable("store")
        with _translated_errors():
            result: T = await self._writer.submit(make)
        return result

    def row(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """The first row of an indexed read, or None. Blocks the event loop for some microseconds."""
        with _translated_errors():
            return self._reader.execute(sql, values).fetchone()

    def few_rows(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[Any]:
        """All rows of an indexed read with few results. Blocks the event loop for some microseconds per row."""
        with _translated_errors():
            return self._reader.execute(sql, values).fetchall()

    async def rows(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[Any]:
        """All rows of a read that may take long. Runs in a thread."""
        return await self.scan(lambda connection: connection.execute(sql, values).fetchall())

    async def scan(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """Run reads that may take long in a thread. Two calls run at a time; others wait."""

        def read_with_scanner() -> T:
            scanner = self._scanners.get()
            try:
                scanner = scanner or _connect(self._path, query_only=True)
                return read(scanner)
            finally:
                self._scanners.put(scanner)

        with _translated_errors():
            return await asyncio.to_thread(read_with_scanner)

    async def truncate_wal(self) -> bool:
        """Remove deleted and changed values from the write-ahead log; False when other connections were using it.

        The file itself does not contain them (`secure_delete`). What remains is overwritten when the log restarts.
        """

        def truncate() -> bool:
            connection = _connect(self._path)
            try:
                busy: int = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                connection.close()
            return not busy

        with _translated_errors():
            return await asyncio.to_thread(truncate)

    async def close(self) -> None:
        """Run the queued changes, then close the file."""
        writer, self._writer = self._writer, None
        if writer is not None:
            await asyncio.to_thread(writer.stop)
            self._reader.close()
            await asyncio.to_thread(self._close_scanners)

    def _close_scanners(self) -> None:
        """Wait for running reads. Later reads get a closed connection, which raises `gateway_unavailable`."""
        opened = [scanner for scanner in (self._scanners.get(), self._scanners.get()) if scanner is not None]
        for scanner in opened:
            scanner.close()
        for _ in range(2):
            self._scanners.put(opened[0])


def json_list(values: Iterable[str]) -> str:
    """A JSON array, for use with `json_each`."""
    return orjson.dumps(list(values)).decode()


def create_tables(path: Path, schema: str, version: int) -> None:
    """Create the file and its missing tables. Blocks; safe when several processes call it at the same time."""
    with _translated_errors():
        connection = _connect(path)
        try:
            connection.execute("BEGIN IMMEDIATE")
            found = connection.execute("PRAGMA user_version").fetchone()[0]
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


def _connect(path: Path, *, busy_ms: int = BUSY_MS, query_only: bool = False) -> sqlite3.Connection:
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


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except (sqlite3.OperationalError, sqlite3.InternalError) as error:
        raise unavailable("store") from error
    except sqlite3.ProgrammingError as error:
        if "closed database" not in str(error):
            raise
        raise unavailable("store") from error
    except sqlite3.DatabaseError as error:
        if type(error) is not sqlite3.DatabaseError:  # a broken constraint is a defect of the gateway
            raise
        raise unavailable("store") from error
