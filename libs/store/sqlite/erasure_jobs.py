"""`Erasures` in SQLite: one row per job.

The rule: a job's row goes when its keys are out of the write-ahead log too. Until then it stays without them, so that
a job that was cut off there is finished by whoever finds it.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from libs.store.erasures import Erasure, erasure_from, erasure_text
from libs.store.instants import micros_from
from libs.store.outbox import OutboxEvent
from libs.store.sqlite.database import Database
from libs.store.sqlite.outbox import add_events


@dataclass(frozen=True, slots=True)
class SqliteErasures:
    """`Erasures`."""

    main: Database

    async def add(self, erasure: Erasure) -> None:
        """As `Erasures.add`."""
        values = (erasure.id, micros_from(erasure.asked_at), erasure_text(erasure))
        await self.main.change(lambda c: c.execute("INSERT OR IGNORE INTO erasures VALUES (?, ?, ?)", values).rowcount)

    async def unfinished(self, limit: int) -> Sequence[Erasure]:
        """As `Erasures.unfinished`."""
        rows = await self.main.rows("SELECT body FROM erasures ORDER BY at, id LIMIT ?", (limit,))
        return [erasure_from(body) for (body,) in rows]

    async def finish(self, erasure_id: str, events: Sequence[OutboxEvent]) -> bool:
        """As `Erasures.finish`."""

        def empty(connection: sqlite3.Connection) -> bool:
            row = connection.execute("SELECT body FROM erasures WHERE id = ?", (erasure_id,)).fetchone()
            if row is None or (job := erasure_from(row[0])).is_emptied:
                return False
            emptied = (erasure_text(job.emptied()), erasure_id)
            connection.execute("UPDATE erasures SET body = ? WHERE id = ?", emptied)
            add_events(connection, events)
            return True

        finished = await self.main.change(empty)
        await self.main.truncate_wal()
        await self.main.change(lambda c: c.execute("DELETE FROM erasures WHERE id = ?", (erasure_id,)).rowcount)
        return finished
