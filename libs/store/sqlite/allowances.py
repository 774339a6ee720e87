"""`Allowances` in SQLite: one row for each one that was taken; each call is one change."""

import sqlite3
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from libs.contracts.stored_times import latest_beginning
from libs.store.allowances import LONGEST
from libs.store.instants import micros_from
from libs.store.sqlite.cleanup import ExpiredRowCleanup
from libs.store.sqlite.database import Database

_FREE_AT = "SELECT at FROM allowances WHERE key = ? ORDER BY at DESC LIMIT 1 OFFSET ?"


@dataclass(frozen=True, slots=True)
class SqliteAllowances:
    """`Allowances`."""

    main: Database
    _cleanup: ExpiredRowCleanup = field(default_factory=lambda: ExpiredRowCleanup("allowances", 2 * LONGEST))

    async def take(self, key: str, *, limit: int, within: timedelta, now: datetime) -> float | None:
        """As `Allowances.take`."""
        at, latest = micros_from(now), micros_from(latest_beginning(now))

        def take(connection: sqlite3.Connection) -> float | None:
            connection.execute("DELETE FROM allowances WHERE key = ? AND at <= ?", (key, micros_from(now - within)))
            connection.execute("UPDATE allowances SET at = ? WHERE key = ? AND at > ?", (at, key, latest))
            blocking = connection.execute(_FREE_AT, (key, limit - 1)).fetchone()
            if blocking is not None:
                return float(blocking[0] - micros_from(now - within)) / 1e6
            connection.execute("INSERT INTO allowances VALUES (?, ?)", (key, at))
            self._cleanup(connection, now)
            return None

        return await self.main.change(take)

    async def renew(self, key: str) -> None:
        """As `Allowances.renew`."""
        await self.main.change(lambda c: c.execute("DELETE FROM allowances WHERE key = ?", (key,)).rowcount)
