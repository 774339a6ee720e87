"""`Outbox` in SQLite. Other adapters add events within their own change (`add_events`)."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from libs.store.outbox import OutboxEvent
from libs.store.sqlite.database import Database


@dataclass(frozen=True, slots=True)
class SqliteOutbox:
    """`Outbox`, in the order of writing."""

    main: Database

    async def add(self, events: Sequence[OutboxEvent]) -> None:
        """As `Outbox.add`."""
        await self.main.change(lambda connection: add_events(connection, events, repeated=True))

    async def unpublished(self, limit: int) -> Sequence[OutboxEvent]:
        """As `Outbox.unpublished`."""
        rows = await self.main.rows("SELECT id, name, body, at_s FROM outbox ORDER BY seq LIMIT ?", (limit,))
        return [OutboxEvent(*row) for row in rows]

    async def mark_published(self, ids: Sequence[str]) -> None:
        """As `Outbox.mark_published`."""
        if not ids:
            return

        def delete(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM outbox WHERE id = ?", [(event_id,) for event_id in ids])

        await self.main.change(delete)


def add_events(connection: sqlite3.Connection, events: Sequence[OutboxEvent], *, repeated: bool = False) -> None:
    """Write `events` within the change that they describe; `repeated` leaves ids that are there."""
    connection.executemany(
        f"INSERT {'OR IGNORE ' if repeated else ''}INTO outbox (id, name, body, at_s) VALUES (?, ?, ?, ?)",  # noqa: S608 -- a constant
        [(event.id, event.name, event.body, event.at) for event in events],
    )
