"""`DeliveryOrder` in SQLite: a position is a row number."""

import sqlite3
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from libs.store.decisions import Position
from libs.store.delivery_order import KEPT_DAYS
from libs.store.instants import micros_from
from libs.store.sqlite.cleanup import ExpiredRowCleanup
from libs.store.sqlite.database import Database

_BEFORE = (
    "SELECT event_id FROM turns WHERE pair = :pair AND seq < "
    "(SELECT seq FROM turns WHERE pair = :pair AND event_id = :event_id) ORDER BY seq DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class SqliteDeliveryOrder:
    """`DeliveryOrder`."""

    main: Database
    _cleanup: ExpiredRowCleanup = field(default_factory=lambda: ExpiredRowCleanup("turns", timedelta(days=KEPT_DAYS)))

    async def enqueue(self, *, number_id: str, customer_key: str, event_id: str, now: datetime) -> str | None:
        """As `DeliveryOrder.enqueue`."""
        position = Position(number_id=number_id, customer_key=customer_key)
        return await self.main.change(lambda connection: self.enqueue_in(connection, position, event_id, now))

    def enqueue_in(
        self, connection: sqlite3.Connection, position: Position, event_id: str, now: datetime
    ) -> str | None:
        """As `enqueue`, within another adapter's change."""
        row = {"pair": position.pair, "event_id": event_id, "at": micros_from(now)}
        connection.execute(
            "INSERT INTO turns (pair, event_id, at) VALUES (:pair, :event_id, :at) ON CONFLICT DO NOTHING", row
        )
        before = connection.execute(_BEFORE, row).fetchone()
        self._cleanup(connection, now)
        return None if before is None else str(before[0])
