"""Moving windows in an SQLite file, as a storage of the `limits` library: one row a key, its hits' times packed.

Called directly on the loop: two indexed statements without a disk sync take some 20 µs, a thread's hop takes 150.
A crash of the machine may forget the last minute's hits, and nothing else is in this file.
"""

import sqlite3
import time
from array import array
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path

from limits.aio.storage import MovingWindowSupport, Storage

BUSY_SECONDS = 0.25
"""How long another replica's transaction is waited for; they take microseconds."""
_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS windows (key TEXT PRIMARY KEY, hits BLOB NOT NULL) WITHOUT ROWID;
"""
_READ = "SELECT hits FROM windows WHERE key = ?"
_WRITE = "INSERT INTO windows VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET hits = excluded.hits"


OPEN_TRIES, OPEN_PAUSE = 100, 0.02
"""For five seconds in all, at start: SQLite reports `busy` at once when two processes switch a new file to WAL."""


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
    """Windows shared by the processes of one machine; `now` tells Unix seconds."""

    STORAGE_SCHEME = ["async+gateway-sqlite"]  # noqa: RUF012 -- as the library declares it

    def __init__(self, path: Path, *, now: Callable[[], float]) -> None:
        super().__init__(None, wrap_exceptions=True)
        self._now = now
        self._connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        _prepare(self._connection)

    @property
    def base_exceptions(self) -> type[Exception]:
        """What `limits` wraps into its StorageError."""
        return sqlite3.Error

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count `amount` hits if the window of the last `expiry` seconds has room for them."""
        now = self._now()
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            hits = self._hits(key, now - expiry)
            room = len(hits) + amount <= limit
            if room:
                hits.extend([max([now, *hits[-1:]])] * amount)  # sorted also when a clock is set back
                self._connection.execute(_WRITE, (key, hits.tobytes()))
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
        return room

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:  # noqa: ARG002 -- limits' shape
        """When the oldest hit of the running window came, and how many there are."""
        now = self._now()
        hits = self._hits(key, now - expiry)
        return (hits[0] if hits else now), len(hits)

    def _hits(self, key: str, after: float) -> "array[float]":
        hits = array("d")
        row = self._connection.execute(_READ, (key,)).fetchone()
        if row is not None:
            hits.frombytes(row[0])
        return hits[bisect_right(hits, after) :]

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count as a window; `limits` demands it of a storage, moving windows do not use it."""
        await self.acquire_entry(key, 2**31, expiry, amount)
        return await self.get(key)

    async def get(self, key: str) -> int:
        """How many hits are stored."""
        return len(self._hits(key, 0.0))

    async def get_expiry(self, key: str) -> float:
        """When the last hit came."""
        return max(self._hits(key, 0.0), default=self._now())

    async def check(self) -> bool:
        """True when the file can be read."""
        return bool(self._connection.execute("SELECT 1").fetchone())

    async def reset(self) -> int | None:
        """Forget everything; how many keys there were."""
        return self._connection.execute("DELETE FROM windows").rowcount

    async def clear(self, key: str) -> None:
        """Forget one key."""
        self._connection.execute("DELETE FROM windows WHERE key = ?", (key,))

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
