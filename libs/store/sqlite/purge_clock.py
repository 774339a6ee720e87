"""`PurgeClock` in SQLite: one row in audit's file."""

from dataclasses import dataclass
from datetime import datetime

from libs.store.instants import instant_from, micros_from
from libs.store.sqlite.database import Database

_ACCEPT = "INSERT INTO purge_clock VALUES (1, ?) ON CONFLICT DO UPDATE SET at = excluded.at"


@dataclass(frozen=True, slots=True)
class SqlitePurgeClock:
    """`PurgeClock`."""

    records: Database

    async def accepted(self) -> datetime | None:
        """As `PurgeClock.accepted`."""
        rows = await self.records.rows("SELECT at FROM purge_clock")
        return instant_from(rows[0][0]) if rows else None

    async def accept(self, at: datetime) -> None:
        """As `PurgeClock.accept`."""
        await self.records.change(lambda connection: connection.execute(_ACCEPT, (micros_from(at),)).rowcount)

    async def server_time(self) -> datetime | None:
        """As `PurgeClock.server_time`: a file has none."""
        return None
