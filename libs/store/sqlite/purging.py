"""Old rows go a few at a time, with the writes that make them old: no task of its own, no long transaction."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta

from libs.store.sqlite.instants import micros_from

EVERY = 64
"""Every so many writes, the first included, old rows are looked for."""
_AT_ONCE = 256
"""Rows looked at in one go: four for each write, so that purging outruns writing."""

_RESTED_S = 3600
"""A bucket is as good as new after this: no burst lasts longer, and the slowest number has recovered (10 minutes)."""


@dataclass(slots=True)
class Purge:
    """Deletes rows of `table` whose `at` is older than `kept`, the first written first."""

    table: str
    kept: timedelta
    _writes: int = 0

    def __call__(self, connection: sqlite3.Connection, now: datetime) -> None:
        """Count a write and delete some old rows when it is time to."""
        self._writes += 1
        if self._writes % EVERY != 1:
            return
        connection.execute(
            f"DELETE FROM {self.table} WHERE rowid IN (SELECT rowid FROM {self.table} ORDER BY rowid LIMIT ?) "  # noqa: S608 -- names from this package
            f"AND at < ?",
            (_AT_ONCE, micros_from(now - self.kept)),
        )


@dataclass(slots=True)
class Sweep:
    """Goes round and round the table `buckets`, some rows at a time, and deletes those that hold nobody back."""

    _writes: int = 0
    _reached: str = ""

    def __call__(self, connection: sqlite3.Connection, now: datetime) -> None:
        """Count a write and look at some rows when it is time to."""
        self._writes += 1
        if self._writes % EVERY != 1:
            return
        looked_at = connection.execute(
            "SELECT max(id) FROM (SELECT id FROM buckets WHERE id > ? ORDER BY id LIMIT ?)", (self._reached, _AT_ONCE)
        ).fetchone()[0]
        rested = now.timestamp() - _RESTED_S
        connection.execute(
            "DELETE FROM buckets WHERE id > ? AND id <= ? AND tat_s < ? AND held_until_s < ? AND slowed_at_s < ?",
            (self._reached, looked_at, rested, rested, rested),
        )
        self._reached = looked_at or ""
