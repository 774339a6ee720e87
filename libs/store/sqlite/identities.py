"""`Identities` in SQLite. Each row stores a key's partner; a link is two rows that are each other's partner."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from libs.store.identities import Identity
from libs.store.instants import micros_from
from libs.store.sqlite.database import Database

_PARTNER = (
    "SELECT mine.partner, min(mine.merged, theirs.merged) FROM identities AS mine JOIN identities AS theirs "
    "ON theirs.account_id = mine.account_id AND theirs.customer_key = mine.partner "
    "AND theirs.partner = mine.customer_key "
    "WHERE mine.account_id = ? AND mine.customer_key = ?"
)


@dataclass(frozen=True, slots=True)
class SqliteIdentities:
    """`Identities`."""

    main: Database

    async def link(self, account_id: str, keys: Sequence[str], at: datetime) -> Identity:
        """As `Identities.link`; a link that is stored already costs one read."""
        known = self.main.row(_PARTNER, (account_id, keys[0]))
        if len(keys) == 1:
            return Identity((keys[0],)) if known is None else Identity((keys[0], known[0]), bool(known[1]))
        first, second = keys
        if known is not None and known[0] == second and known[1]:
            return Identity((first, second))
        return await self.main.change(lambda connection: _linked(connection, account_id, (first, second), at))

    async def mark_merged(self, account_id: str, keys: Sequence[str]) -> None:
        """As `Identities.mark_merged`."""
        first, second = keys
        values = [(account_id, first, second), (account_id, second, first)]
        sql = "UPDATE identities SET merged = 1 WHERE account_id = ? AND customer_key = ? AND partner = ?"

        def mark(connection: sqlite3.Connection) -> None:
            connection.executemany(sql, values)

        await self.main.change(mark)


def _linked(connection: sqlite3.Connection, account_id: str, pair: tuple[str, str], at: datetime) -> Identity:
    when = micros_from(at)
    if any(_has_newer_partner(connection, account_id, mine, theirs, when) for mine, theirs in (pair, pair[::-1])):
        return Identity(pair)
    for mine, theirs in (pair, pair[::-1]):
        connection.execute(
            "INSERT INTO identities VALUES (?, ?, ?, ?, 0) ON CONFLICT DO UPDATE SET at = max(at, excluded.at), "
            "merged = iif(partner = excluded.partner, merged, 0), partner = excluded.partner",
            (account_id, mine, theirs, when),
        )
    found: Any = connection.execute(_PARTNER, (account_id, pair[0])).fetchone()
    return Identity(pair, bool(found[1]))


def _has_newer_partner(connection: sqlite3.Connection, account_id: str, mine: str, theirs: str, when: int) -> bool:
    """Whether `mine` was seen with another partner after `when`."""
    sql = "SELECT 1 FROM identities WHERE account_id = ? AND customer_key = ? AND partner <> ? AND at > ?"
    return connection.execute(sql, (account_id, mine, theirs, when)).fetchone() is not None
