"""One SQLite file: changes go through its writer, point reads run on the event loop, long reads in a thread.

The rule: every transaction, and reads four times a second, check that the file at the path is still the opened one.
"""

import asyncio
import queue
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import orjson
from prometheus_client import Histogram

from libs.store.metrics import POOL_IN_USE, READ_SECONDS, WRITE_SECONDS, Cause, failed
from libs.store.sqlite.connections import READER_BUSY_MS, connect
from libs.store.sqlite.failures import closed, raise_translated, translated_errors
from libs.store.sqlite.files import OpenedFile
from libs.store.sqlite.writer import Writer

T = TypeVar("T")
TRUNCATE_SECONDS = 10.0
"""For so long a busy write-ahead log is tried again; who waits for it repeats the whole step later."""
TRUNCATE_PAUSE = 0.1
"""Seconds between tries: writers of all processes wait while one runs."""
TRUNCATE_BUSY_MS = 200
"""How long one try waits for readers and writers, and keeps other writers waiting: far below their own limit."""
CHECK_SECONDS = 0.25
"""How long reads trust that the file at the path is the opened one; every transaction checks it."""


class _Call:
    """One call to the file, as a context manager: measures it, and translates its errors."""

    __slots__ = ("_began", "_seconds")

    def __init__(self, seconds: Histogram) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        self._seconds.observe(time.perf_counter() - self._began)
        if error is not None:
            raise_translated(error)


class Database:
    """One open file. Its methods raise GatewayError(gateway_unavailable) when the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self._reader = connect(path, busy_ms=READER_BUSY_MS, query_only=True)
        self._reader.execute("SELECT 1 FROM sqlite_schema").fetchone()  # opens the write-ahead log, which stays
        self.file = OpenedFile(path)
        self._writer: Writer | None = Writer(connect(path), path.name, self.file.require_unchanged)
        self._checked_at = 0.0
        self._path = path
        self._scanners: queue.LifoQueue[sqlite3.Connection | None] = queue.LifoQueue()
        self._scanners.put(None)  # opened on demand: reports delay no lists
        self._scanners.put(connect(path, query_only=True))

    async def change(self, make: Callable[[sqlite3.Connection], T]) -> T:
        """Run `make` in the writer's next transaction; returns once it is durable. Passes exceptions of `make` on.

        `make` runs again, after a rollback, when another change of its transaction fails.
        """
        if self._writer is None:
            raise closed()
        with _Call(WRITE_SECONDS):
            result: T = await self._writer.submit(make)
        return result

    def require_unchanged(self) -> None:
        """Raise unless the file at the path is the opened one."""
        with translated_errors():
            self.file.require_unchanged(self._reader)

    def wrote_within(self, seconds: float) -> bool:
        """True when a transaction of this process changed the file in the last `seconds`."""
        return self._writer is not None and time.monotonic() - self._writer.wrote_at < seconds

    def row(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """The first row of an indexed read, or None. Blocks the event loop for some microseconds."""
        with _Call(READ_SECONDS):
            return self._checked_reader().execute(sql, values).fetchone()

    def few_rows(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[Any]:
        """All rows of an indexed read with few results. Blocks the event loop for some microseconds per row."""
        with _Call(READ_SECONDS):
            return self._checked_reader().execute(sql, values).fetchall()

    async def rows(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[Any]:
        """All rows of a read that may take long. Runs in a thread."""
        return await self.scan(lambda connection: connection.execute(sql, values).fetchall())

    async def scan(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """Run reads that may take long in a thread. Two calls run at a time; others wait."""

        def read_with_scanner() -> T:
            scanner = self._scanners.get()
            try:
                scanner = scanner or connect(self._path, query_only=True)
                self.file.require_unchanged(scanner)
                with POOL_IN_USE.track_inprogress():
                    return read(scanner)
            finally:
                self._scanners.put(scanner)

        with _Call(READ_SECONDS):
            return await asyncio.to_thread(read_with_scanner)

    async def truncate_wal(self) -> None:
        """Remove deleted and changed values from the write-ahead log; the file does not contain them (`secure_delete`).

        SQLite does not wait for a checkpoint of another process, so a busy log is tried again. Raises
        GatewayError(gateway_unavailable) when others use it for too long: then the values are still in it.
        """

        def truncate() -> bool:
            connection = connect(self._path, busy_ms=TRUNCATE_BUSY_MS)
            try:
                busy: int = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                connection.close()
            return not busy

        end = time.monotonic() + TRUNCATE_SECONDS
        with translated_errors():
            while not await asyncio.to_thread(truncate):
                if time.monotonic() >= end:
                    raise failed(Cause.LOCKED, f"the write-ahead log of {self._path.name} stays in use")
                await asyncio.sleep(TRUNCATE_PAUSE)

    async def close(self) -> None:
        """Run the queued changes, then close the file."""
        writer, self._writer = self._writer, None
        if writer is not None:
            await asyncio.to_thread(writer.stop)
            self._reader.close()
            await asyncio.to_thread(self._close_scanners)

    def _checked_reader(self) -> sqlite3.Connection:
        """The reader, once the file at the path is known to be the opened one."""
        now = time.monotonic()
        if now - self._checked_at > CHECK_SECONDS:
            self.file.require_unchanged(self._reader)
            self._checked_at = now
        return self._reader

    def _close_scanners(self) -> None:
        """Wait for running reads. Later reads get a closed connection, which raises `gateway_unavailable`."""
        opened = [scanner for scanner in (self._scanners.get(), self._scanners.get()) if scanner is not None]
        for scanner in opened:
            scanner.close()
        for _ in range(2):
            self._scanners.put(opened[0])


def json_list(values: Iterable[str] | Iterable[int]) -> str:
    """A JSON array, for use with `json_each`."""
    return orjson.dumps(list(values)).decode()
