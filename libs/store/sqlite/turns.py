"""The lines in front of customers in SQLite: a place is a row number."""

import sqlite3
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from libs.store.decisions import Place
from libs.store.sqlite.database import Database
from libs.store.sqlite.instants import micros_from
from libs.store.sqlite.purging import Purge
from libs.store.turns import KEPT_DAYS

_BEFORE = (
    "SELECT event_id FROM turns WHERE pair = :pair AND seq < "
    "(SELECT seq FROM turns WHERE pair = :pair AND event_id = :event_id) ORDER BY seq DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class SqliteTurns:
    """`Turns`."""

    main: Database
    _purge: Purge = field(default_factory=lambda: Purge("turns", timedelta(days=KEPT_DAYS)))

    async def take(self, *, number_id: str, customer_key: str, event_id: str, now: datetime) -> str | None:
        """Get in line; the event just before."""
        place = Place(number_id=number_id, customer_key=customer_key)
        return await self.main.change(lambda connection: self.get_in_line(connection, place, event_id, now))

    def get_in_line(self, connection: sqlite3.Connection, place: Place, event_id: str, now: datetime) -> str | None:
        """As `take`, as a part of somebody's change."""
        row = {"pair": f"{place.number_id}:{place.customer_key}", "event_id": event_id, "at": micros_from(now)}
        connection.execute(
            "INSERT INTO turns (pair, event_id, at) VALUES (:pair, :event_id, :at) ON CONFLICT DO NOTHING", row
        )
        before = connection.execute(_BEFORE, row).fetchone()
        self._purge(connection, now)
        return None if before is None else str(before[0])
