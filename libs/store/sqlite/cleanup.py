"""Deletes expired rows, a few with each batch of writes: no background task and no long transaction."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta

from libs.store.instants import micros_from

WRITES_PER_CLEANUP = 64
"""A cleanup runs with the first of this many writes."""
_MAX_ROWS = 256
"""Rows examined in one cleanup: four for each write, so that deleting outruns writing."""
_IDLE_S = 3600
"""An idle bucket equals a new one after this time: its burst is over, and its rate has recovered (10 minutes)."""


@dataclass(slots=True)
class ExpiredRowCleanup:
    """Deletes rows of `table` whose `at` is older than `kept`, oldest rows first."""

    table: str
    kept: timedelta
    _writes: int = 0

    def __call__(self, connection: sqlite3.Connection, now: datetime) -> None:
        """Count a write; delete some expired rows if a cleanup is due."""
        self._writes += 1
        if self._writes % WRITES_PER_CLEANUP != 1:
            return
        connection.execute(
            f"DELETE FROM {self.table} WHERE rowid IN (SELECT rowid FROM {self.table} ORDER BY rowid LIMIT ?) "  # noqa: S608 -- names from this package
            f"AND at < ?",
            (_MAX_ROWS, micros_from(now - self.kept)),
        )


@dataclass(slots=True)
class IdleBucketCleanup:
    """Walks through the table `buckets` again and again, and deletes buckets that delay no message any more."""

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
        idle_since = now.timestamp() - _IDLE_S
        connection.execute(
            "DELETE FROM buckets WHERE id > ? AND id <= ? AND tat_s < ? AND held_until_s < ? AND slowed_at_s < ?",
            (self._reached, last_id, idle_since, idle_since, idle_since),
        )
        self._reached = last_id or ""
