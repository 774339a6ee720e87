"""`Erasures` in SQLite: one row per job; afterwards the write-ahead log is truncated too."""

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

        def delete(connection: sqlite3.Connection) -> bool:
            if not connection.execute("DELETE FROM erasures WHERE id = ?", (erasure_id,)).rowcount:
                return False
            add_events(connection, events)
            return True

        deleted = await self.main.change(delete)
        await self.main.truncate_wal()
        return deleted
