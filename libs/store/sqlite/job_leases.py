"""`JobLeases` in SQLite."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta

from libs.contracts.stored_times import latest_beginning
from libs.store.instants import micros_from
from libs.store.sqlite.database import Database

_ACQUIRE = (
    "INSERT INTO errands (id, owner, until, done_at, taken_at) VALUES (:id, :owner, :until, NULL, :now) "
    "ON CONFLICT (id) DO UPDATE SET owner = :owner, until = :until, taken_at = :now "
    "WHERE done_at IS NULL AND (until <= :now OR owner = :owner OR taken_at > :latest)"
)


@dataclass(frozen=True, slots=True)
class SqliteJobLeases:
    """`JobLeases`."""

    main: Database

    async def acquire(self, job_id: str, *, owner: str, now: datetime, lease_seconds: float) -> bool:
        """As `JobLeases.acquire`."""
        until = micros_from(now + timedelta(seconds=lease_seconds))
        values: dict[str, str | int | None] = {"id": job_id, "owner": owner, "until": until, "now": micros_from(now)}
        values["latest"] = micros_from(latest_beginning(now)) if lease_seconds else None

        def acquire(connection: sqlite3.Connection) -> bool:
            return connection.execute(_ACQUIRE, values).rowcount == 1

        return await self.main.change(acquire)

    async def complete(self, job_id: str, *, owner: str, now: datetime) -> bool:
        """As `JobLeases.complete`."""
        sql = "UPDATE errands SET done_at = ? WHERE id = ? AND owner = ? AND done_at IS NULL"

        def complete(connection: sqlite3.Connection) -> bool:
            return connection.execute(sql, (micros_from(now), job_id, owner)).rowcount == 1

        return await self.main.change(complete)
