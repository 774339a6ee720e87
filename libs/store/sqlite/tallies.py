"""`Tallies` in SQLite, in the file of the records."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from libs.record.tallies import Tally, stored_tally_from
from libs.store.sqlite.database import Database


@dataclass(frozen=True, slots=True)
class SqliteTallies:
    """`Tallies`."""

    records: Database

    async def add(self, tally: Tally, body: bytes) -> bool:
        """As `Tallies.add`."""
        values = (tally.chain, tally.number, tally.last, orjson.dumps(tally.as_json()).decode(), body)
        sql = "INSERT INTO tallies (chain, number, last, statement, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
        return await self.records.change(lambda connection: connection.execute(sql, values).rowcount == 1)

    async def newest(self, chain: str) -> Tally | None:
        """As `Tallies.newest`."""
        sql = "SELECT statement, number FROM tallies WHERE chain = ? ORDER BY number DESC LIMIT 1"
        rows = await self.records.rows(sql, (chain,))
        return stored_tally_from(rows[0][0], chain=chain, number=rows[0][1]) if rows else None

    async def page(self, chain: str, *, after: int, limit: int) -> Sequence[tuple[Tally, bytes]]:
        """As `Tallies.page`."""
        sql = "SELECT statement, number, body FROM tallies WHERE chain = ? AND number > ? ORDER BY number LIMIT ?"
        rows = await self.records.rows(sql, (chain, after, limit))
        return [(stored_tally_from(text, chain=chain, number=number), _bytes_of(body)) for text, number, body in rows]

    async def drop(self, chain: str, *, up_to: int) -> int:
        """As `Tallies.drop`."""
        sql, values = "DELETE FROM tallies WHERE chain = ? AND last <= ?", (chain, up_to)
        return await self.records.change(lambda connection: connection.execute(sql, values).rowcount)


def _bytes_of(body: object) -> bytes:
    return body if isinstance(body, bytes) else b""
