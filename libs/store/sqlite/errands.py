"""Errands in SQLite."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta

from libs.store.sqlite.database import Database
from libs.store.sqlite.instants import micros_from

_BEGIN = (
    "INSERT INTO errands (id, owner, until, done_at) VALUES (:id, :owner, :until, NULL) "
    "ON CONFLICT (id) DO UPDATE SET owner = :owner, until = :until "
    "WHERE done_at IS NULL AND (until <= :now OR owner = :owner)"
)


@dataclass(frozen=True, slots=True)
class SqliteErrands:
    """`Errands`."""

    main: Database

    async def begin(self, errand_id: str, *, owner: str, now: datetime, lease_seconds: float) -> bool:
        """As `Errands.begin`."""
        until = micros_from(now + timedelta(seconds=lease_seconds))
        values = {"id": errand_id, "owner": owner, "until": until, "now": micros_from(now)}

        def begin(connection: sqlite3.Connection) -> bool:
            return connection.execute(_BEGIN, values).rowcount == 1

        return await self.main.change(begin)

    async def finish(self, errand_id: str, *, owner: str, now: datetime) -> bool:
        """As `Errands.finish`."""
        sql = "UPDATE errands SET done_at = ? WHERE id = ? AND owner = ? AND done_at IS NULL"

        def finish(connection: sqlite3.Connection) -> bool:
            return connection.execute(sql, (micros_from(now), errand_id, owner)).rowcount == 1

        return await self.main.change(finish)
