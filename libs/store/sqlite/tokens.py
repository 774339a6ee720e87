"""Tokens of the operators' API in SQLite; looked up directly on the event loop."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from libs.store.outbox import Posted
from libs.store.sqlite.database import Database
from libs.store.sqlite.instants import instant_from, micros_from
from libs.store.sqlite.outbox import post
from libs.store.tokens import Token

_COLUMNS = "id, label, role, accounts, sha256, created_at, created_by, expires_at, revoked_at, revoked_by, last_used_at"
_SELECT = f"SELECT {_COLUMNS} FROM tokens WHERE"  # noqa: S608 -- names from above


@dataclass(frozen=True, slots=True)
class SqliteTokens:
    """`Tokens` and `TokenRegistry`."""

    main: Database

    async def by_digest(self, sha256: str) -> Token | None:
        """As `Tokens.by_digest`."""
        return _token_from(self.main.row(f"{_SELECT} sha256 = ?", (sha256,)))

    async def used(self, token_id: str, at: datetime) -> None:
        """As `Tokens.used`."""
        sql = "UPDATE tokens SET last_used_at = max(ifnull(last_used_at, 0), ?) WHERE id = ?"
        await self.main.change(lambda connection: _run(connection, sql, (micros_from(at), token_id)))

    async def add(self, token: Token, events: Sequence[Posted]) -> None:
        """As `TokenRegistry.add`."""
        values = (
            *(token.id, token.label, token.role, None if token.accounts is None else _json(token.accounts)),
            *(token.sha256, micros_from(token.created_at), token.created_by, micros_from(token.expires_at)),
        )

        def write(connection: sqlite3.Connection) -> None:
            sql = f"INSERT INTO tokens ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL)"  # noqa: S608 -- names from above
            connection.execute(sql, values)
            post(connection, events)

        await self.main.change(write)

    async def get(self, token_id: str) -> Token | None:
        """As `TokenRegistry.get`."""
        return _token_from(self.main.row(f"{_SELECT} id = ?", (token_id,)))

    async def page(self, *, after: str | None, limit: int) -> Sequence[Token]:
        """As `TokenRegistry.page`."""
        rows = await self.main.rows(f"{_SELECT} id > ? ORDER BY id LIMIT ?", (after or "", limit))
        return [token for row in rows if (token := _token_from(row)) is not None]

    async def revoke(self, token_id: str, *, at: datetime, by: str, events: Sequence[Posted]) -> bool:
        """As `TokenRegistry.revoke`."""
        sql = "UPDATE tokens SET revoked_at = ?, revoked_by = ? WHERE id = ? AND revoked_at IS NULL"

        def write(connection: sqlite3.Connection) -> bool:
            if not _run(connection, sql, (micros_from(at), by, token_id)):
                return False
            post(connection, events)
            return True

        return await self.main.change(write)


def _run(connection: sqlite3.Connection, sql: str, values: tuple[Any, ...]) -> int:
    return connection.execute(sql, values).rowcount


def _json(accounts: tuple[str, ...]) -> str:
    return orjson.dumps(accounts).decode()


def _token_from(row: Any) -> Token | None:
    if row is None:
        return None
    token_id, label, role, accounts, sha256, created_at, created_by, expires_at, revoked_at, revoked_by, used_at = row
    return Token(
        id=token_id,
        label=label,
        role=role,
        accounts=None if accounts is None else tuple(orjson.loads(accounts)),
        sha256=sha256,
        created_at=instant_from(created_at),
        created_by=created_by,
        expires_at=instant_from(expires_at),
        revoked_at=None if revoked_at is None else instant_from(revoked_at),
        revoked_by=revoked_by,
        last_used_at=None if used_at is None else instant_from(used_at),
    )
