"""The outbox in SQLite; other adapters write to it within their own change."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from libs.store.outbox import Posted
from libs.store.sqlite.database import Database


@dataclass(frozen=True, slots=True)
class SqliteOutbox:
    """`Outbox`, in the order of writing."""

    main: Database

    async def post(self, events: Sequence[Posted]) -> None:
        """As `Outbox.post`."""
        await self.main.change(lambda connection: post(connection, events))

    async def waiting(self, limit: int) -> Sequence[Posted]:
        """The oldest events that nobody has marked as published."""
        rows = await self.main.rows("SELECT id, name, body, at_s FROM outbox ORDER BY seq LIMIT ?", (limit,))
        return [Posted(*row) for row in rows]

    async def published(self, ids: Sequence[str]) -> None:
        """Forget these; unknown ids are ignored."""
        if not ids:
            return

        def forget(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM outbox WHERE id = ?", [(posted_id,) for posted_id in ids])

        await self.main.change(forget)


def post(connection: sqlite3.Connection, events: Sequence[Posted]) -> None:
    """Write `events` within the change that they tell of."""
    connection.executemany(
        "INSERT INTO outbox (id, name, body, at_s) VALUES (?, ?, ?, ?)",
        [(event.id, event.name, event.body, event.at) for event in events],
    )
