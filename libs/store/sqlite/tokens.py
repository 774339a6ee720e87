"""`Tokens` and `TokenRegistry` in SQLite; look-ups run on the event loop."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from libs.store.instants import micros_from, optional_instant_from
from libs.store.outbox import OutboxEvent
from libs.store.sqlite.database import Database, json_list
from libs.store.sqlite.outbox import add_events
from libs.store.tokens import Token

_FIELDS = (
    *("id", "label", "role", "accounts", "sha256", "created_at", "created_by"),
    *("expires_at", "revoked_at", "revoked_by", "last_used_at"),
)
_COLUMNS = ", ".join(_FIELDS)
_SELECT = f"SELECT {_COLUMNS} FROM tokens WHERE"  # noqa: S608 -- names from above


@dataclass(frozen=True, slots=True)
class SqliteTokens:
    """`Tokens` and `TokenRegistry`."""

    main: Database

    async def by_digest(self, sha256: str) -> Token | None:
        """As `Tokens.by_digest`."""
        return _token_from(self.main.row(f"{_SELECT} sha256 = ?", (sha256,)))

    async def mark_used(self, token_id: str, at: datetime) -> None:
        """As `Tokens.mark_used`."""
        sql = "UPDATE tokens SET last_used_at = max(ifnull(last_used_at, 0), ?) WHERE id = ?"
        await self.main.change(lambda connection: connection.execute(sql, (micros_from(at), token_id)).rowcount)

    async def add(self, token: Token, events: Sequence[OutboxEvent]) -> None:
        """As `TokenRegistry.add`."""
        values = (
            *(token.id, token.label, token.role, None if token.accounts is None else json_list(token.accounts)),
            *(token.sha256, micros_from(token.created_at), token.created_by, micros_from(token.expires_at)),
        )

        def write(connection: sqlite3.Connection) -> None:
            sql = f"INSERT INTO tokens ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL)"  # noqa: S608 -- names from above
            connection.execute(sql, values)
            add_events(connection, events)

        await self.main.change(write)

    async def get(self, token_id: str) -> Token | None:
        """As `TokenRegistry.get`."""
        return _token_from(self.main.row(f"{_SELECT} id = ?", (token_id,)))

    async def page(self, *, after: str | None, limit: int) -> Sequence[Token]:
        """As `TokenRegistry.page`."""
        rows = await self.main.rows(f"{_SELECT} id > ? ORDER BY id LIMIT ?", (after or "", limit))
        return [token for row in rows if (token := _token_from(row)) is not None]

    async def revoke(self, token_id: str, *, at: datetime, by: str, events: Sequence[OutboxEvent]) -> bool:
        """As `TokenRegistry.revoke`."""
        sql = "UPDATE tokens SET revoked_at = ?, revoked_by = ? WHERE id = ? AND revoked_at IS NULL"

        def write(connection: sqlite3.Connection) -> bool:
            if not connection.execute(sql, (micros_from(at), by, token_id)).rowcount:
                return False
            add_events(connection, events)
            return True

        return await self.main.change(write)


def _token_from(row: Any) -> Token | None:
    if row is None:
        return None
    stored = dict(zip(_FIELDS, row, strict=True))
    times = {name: optional_instant_from(stored[name]) for name in _FIELDS if name.endswith("_at")}
    accounts = None if stored["accounts"] is None else tuple(orjson.loads(stored["accounts"]))
    return Token(**stored | times | {"accounts": accounts})
