"""Deletes expired rows, a few with each batch of writes: no background task and no long transaction."""

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from libs.store.instants import micros_from, optional_instant_from

MAX_LEAD = timedelta(days=1)
"""A clock that is further ahead than this has jumped."""
WRITES_PER_CLEANUP = 64
"""A cleanup runs with the first of this many writes."""
_MAX_ROWS = 256
"""Rows examined in one cleanup: four for each write, so that deleting outruns writing."""
_IDLE_S = 3600
"""An idle bucket equals a new one after this time: its burst is over, and its rate has recovered (10 minutes)."""


@dataclass(slots=True)
class BoundedClock:
    """The time that cleanups go by: a clock that jumps ahead removes nothing early, unless it stays there for a day.

    The time goes on from `began` by what the process has run, and a day further at most.
    """

    monotonic: Callable[[], float] = time.monotonic
    began: datetime | None = None
    _began_s: float = 0.0
    _ahead_since_s: float | None = None

    def __call__(self, now: datetime) -> datetime:
        """`now`, or less while it is too far ahead."""
        running = self.monotonic()
        if self._began_s == 0.0:
            self.began, self._began_s = self.began or now, running
        latest = (self.began or now) + timedelta(seconds=running - self._began_s) + MAX_LEAD
        if now <= latest:
            self._ahead_since_s = None
            return now
        if self._ahead_since_s is None:
            self._ahead_since_s = running
        if running - self._ahead_since_s > MAX_LEAD.total_seconds():
            self.began, self._began_s, self._ahead_since_s = now, running, None
            return now
        return latest


@dataclass(slots=True)
class ExpiredRowCleanup:
    """Deletes rows of `table` whose `at` is older than `kept`, oldest rows first."""

    table: str
    kept: timedelta
    clock: BoundedClock = field(default_factory=BoundedClock)
    _writes: int = 0

    def __call__(self, connection: sqlite3.Connection, now: datetime) -> None:
        """Count a write; delete some expired rows if a cleanup is due."""
        self._writes += 1
        if self._writes % WRITES_PER_CLEANUP != 1:
            return
        if self.clock.began is None:
            self.clock.began = self._newest_before(connection)
        connection.execute(
            f"DELETE FROM {self.table} WHERE rowid IN (SELECT rowid FROM {self.table} ORDER BY rowid LIMIT ?) "  # noqa: S608 -- names from this package
            f"AND at < ?",
            (_MAX_ROWS, micros_from(self.clock(now) - self.kept)),
        )

    def _newest_before(self, connection: sqlite3.Connection) -> datetime | None:
        """The time of the newest row but one: the newest is the one that was just written."""
        sql = f"SELECT at FROM {self.table} ORDER BY rowid DESC LIMIT 1 OFFSET 1"  # noqa: S608 -- names from this package
        return optional_instant_from((connection.execute(sql).fetchone() or (None,))[0])


@dataclass(slots=True)
class EndedRowCleanup:
    """Deletes rows of `table` that ended (`until`) longer than `kept` ago; an index on `until` finds them."""

    table: str
    kept: timedelta
    _writes: int = 0

    def __call__(self, connection: sqlite3.Connection, now: datetime) -> None:
        """Count a write; delete some ended rows if a cleanup is due."""
        self._writes += 1
        if self._writes % WRITES_PER_CLEANUP != 1:
            return
        connection.execute(
            f"DELETE FROM {self.table} WHERE rowid IN (SELECT rowid FROM {self.table} WHERE until < ? LIMIT ?)",  # noqa: S608 -- names from this package
            (micros_from(now - self.kept), _MAX_ROWS),
        )


@dataclass(slots=True)
class IdleBucketCleanup:
    """Walks through the table `buckets` again and again, and deletes buckets that delay no message any more."""

    clock: BoundedClock = field(default_factory=BoundedClock)
    _writes: int = 0
    _reached: str = ""

    def __call__(self, connection: sqlite3.Connection, now: datetime) -> None:
        """Count a write; examine some rows if a cleanup is due."""
        self._writes += 1
        if self._writes % WRITES_PER_CLEANUP != 1:
            return
        last_id = connection.execute(
            "SELECT max(id) FROM (SELECT id FROM buckets WHERE id > ? ORDER BY id LIMIT ?)", (self._reached, _MAX_ROWS)
        ).fetchone()[0]
        idle_since = self.clock(now).timestamp() - _IDLE_S
        connection.execute(
            "DELETE FROM buckets WHERE id > ? AND id <= ? AND tat_s < ? AND held_until_s < ? AND slowed_at_s < ?",
            (self._reached, last_id, idle_since, idle_since, idle_since),
        )
        self._reached = last_id or ""
