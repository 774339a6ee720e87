"""`SqliteWindows`: moving windows in an SQLite file, as a storage of the `limits` library; one row for each key.

It runs on the event loop: two indexed statements without a disk sync take about 20 µs, a thread switch takes 150 µs. A
crash of the machine may lose the last minute's hits; the file contains nothing else.
"""

import sqlite3
import time
from array import array
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path

from limits.aio.storage import MovingWindowSupport, Storage

from libs.contracts.stored_times import TOLERANCE
from libs.store.sqlite.files import FileChangedError, OpenedFile, make_private_file

BUSY_SECONDS = 0.25
"""How long to wait for another replica's transaction; transactions take microseconds."""
CHECK_SECONDS = 0.25
"""How often the file at the path is compared with the opened one."""
_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS windows (key TEXT PRIMARY KEY, hits BLOB NOT NULL) WITHOUT ROWID;
"""
_TOLERANCE_S = TOLERANCE.total_seconds()
_READ = "SELECT hits FROM windows WHERE key = ?"
_WRITE = "INSERT INTO windows VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET hits = excluded.hits"
OPEN_TRIES, OPEN_PAUSE = 100, 0.02
"""Five seconds in total, at start: SQLite reports `busy` at once when two processes switch a new file to WAL."""


def _prepare(connection: sqlite3.Connection) -> None:
    for attempt in range(OPEN_TRIES):
        try:
            connection.executescript(_SCHEMA)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or attempt == OPEN_TRIES - 1:
                raise
            time.sleep(OPEN_PAUSE)
        else:
            return


class SqliteWindows(Storage, MovingWindowSupport):
    """Windows that the processes of one machine share; `now` returns Unix seconds."""

    STORAGE_SCHEME = ["async+gateway-sqlite"]  # noqa: RUF012 -- as the library declares it

    def __init__(self, path: Path, *, now: Callable[[], float]) -> None:
        super().__init__(None, wrap_exceptions=True)
        self._path = path
        self._now = now
        self._open()

    def _open(self) -> None:
        in_memory = self._path.name == ":memory:"
        if not in_memory:
            make_private_file(self._path)
        self._opened = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        _prepare(self._opened)
        self._file = None if in_memory else OpenedFile(self._path)
        self._checked_at = time.monotonic()

    @property
    def _connection(self) -> sqlite3.Connection:
        """The connection. A file that was removed or replaced is opened anew: what it counted is worth a minute."""
        if self._file is not None and time.monotonic() - self._checked_at > CHECK_SECONDS:
            try:
                self._file.require_unchanged(self._opened)
                self._checked_at = time.monotonic()
            except FileChangedError:
                self._opened.close()
                self._open()
        return self._opened

    @property
    def base_exceptions(self) -> type[Exception]:
        """The exceptions that `limits` wraps into its StorageError."""
        return sqlite3.Error

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count `amount` hits if the last `expiry` seconds hold at most `limit` hits with them."""
        now = self._now()
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            hits = self._hits(key, now - expiry, now)
            room = len(hits) + amount <= limit
            if room:
                hits.extend([max([now, *hits[-1:]])] * amount)  # stays sorted when the clock is set back
                self._opened.execute(_WRITE, (key, hits.tobytes()))
        except BaseException:
            self._opened.execute("ROLLBACK")
            raise
        self._opened.execute("COMMIT")
        return room

    async def remove_newest(self, key: str) -> None:
        """Remove the latest hit, if there is one."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            hits = self._hits(key, 0.0, self._now())
            if hits:
                hits.pop()
                self._opened.execute(_WRITE, (key, hits.tobytes()))
        except BaseException:
            self._opened.execute("ROLLBACK")
            raise
        self._opened.execute("COMMIT")

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:  # noqa: ARG002 -- limits' shape
        """The time of the oldest hit in the current window, and the number of hits."""
        now = self._now()
        hits = self._hits(key, now - expiry, now)
        return (hits[0] if hits else now), len(hits)

    def _hits(self, key: str, after: float, now: float) -> "array[float]":
        hits = array("d")
        row = self._opened.execute(_READ, (key,)).fetchone()
        if row is not None:
            hits.frombytes(row[0])
        # A hit from the future was counted before the clock was set back, and would count until it has caught up.
        return hits[bisect_right(hits, after) : bisect_right(hits, now + _TOLERANCE_S)]

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count `amount` hits; `limits` requires the method, moving windows do not use it."""
        await self.acquire_entry(key, 2**31, expiry, amount)
        return await self.get(key)

    async def get(self, key: str) -> int:
        """The number of stored hits."""
        return len(self._hits(key, 0.0, self._now()))

    async def get_expiry(self, key: str) -> float:
        """The time of the last hit."""
        now = self._now()
        return max(self._hits(key, 0.0, now), default=now)

    async def check(self) -> bool:
        """True when the file can be read."""
        return bool(self._connection.execute("SELECT 1").fetchone())

    async def reset(self) -> int | None:
        """Delete all keys and return how many there were."""
        return self._opened.execute("DELETE FROM windows").rowcount

    async def clear(self, key: str) -> None:
        """Delete one key."""
        self._opened.execute("DELETE FROM windows WHERE key = ?", (key,))

    def close(self) -> None:
        """Close the file."""
        self._opened.close()
