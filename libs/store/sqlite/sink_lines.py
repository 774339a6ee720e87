"""`SinkLines` in SQLite: one row per waiting line, in audit's file."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.store.sink_lines import SinkLine
from libs.store.sqlite.database import Database


@dataclass(frozen=True, slots=True)
class SqliteSinkLines:
    """`SinkLines`."""

    records: Database

    async def add(self, lines: Sequence[SinkLine]) -> None:
        """As `SinkLines.add`."""
        rows = [(line.id, line.text) for line in lines]
        sql = "INSERT INTO sink_lines VALUES (?, ?) ON CONFLICT DO NOTHING"
        await self.records.change(lambda connection: connection.executemany(sql, rows).rowcount)

    async def unshipped(self, limit: int) -> Sequence[SinkLine]:
        """As `SinkLines.unshipped`."""
        rows = await self.records.rows("SELECT id, line FROM sink_lines ORDER BY id LIMIT ?", (limit,))
        return [SinkLine(*row) for row in rows]

    async def mark_shipped(self, ids: Sequence[str]) -> None:
        """As `SinkLines.mark_shipped`."""
        rows = [(line_id,) for line_id in ids]
        await self.records.change(lambda c: c.executemany("DELETE FROM sink_lines WHERE id = ?", rows).rowcount)
