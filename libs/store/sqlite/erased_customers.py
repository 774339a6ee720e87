"""`ErasedCustomers` in SQLite: one row per erased key, in console's file."""

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from libs.store.erased_customers import MARKERS_KEPT, marker
from libs.store.instants import micros_from, optional_instant_from
from libs.store.sqlite.database import Database, json_list

_ERASED_AT = "SELECT max(at) FROM erased_customers WHERE marker IN (SELECT value FROM json_each(?))"
_MARK = "INSERT INTO erased_customers VALUES (?, ?) ON CONFLICT DO UPDATE SET at = max(at, excluded.at)"


@dataclass(frozen=True, slots=True)
class SqliteErasedCustomers:
    """`ErasedCustomers`."""

    main: Database

    async def mark(self, account_id: str, customer_keys: Collection[str], at: datetime) -> None:
        """As `ErasedCustomers.mark`."""
        rows = [(marker(account_id, key), micros_from(at)) for key in customer_keys]
        await self.main.change(lambda connection: connection.executemany(_MARK, rows).rowcount)

    async def erased_at(self, account_id: str, customer_keys: Collection[str]) -> datetime | None:
        """As `ErasedCustomers.erased_at`."""
        (at,) = self.main.row(_ERASED_AT, (json_list(marker(account_id, key) for key in customer_keys),))
        return optional_instant_from(at)

    async def forget(self, now: datetime) -> None:
        """As `ErasedCustomers.forget`; reads first, so that a look without work writes nothing."""
        before = (micros_from(now - MARKERS_KEPT),)
        if not self.main.few_rows("SELECT 1 FROM erased_customers WHERE at < ? LIMIT 1", before):
            return

        def delete(connection: sqlite3.Connection) -> int:
            return connection.execute("DELETE FROM erased_customers WHERE at < ?", before).rowcount

        await self.main.change(delete)
