"""`Directory` and `Registry` in SQLite: each row as JSON, with columns for the values that are searched."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, cast

from pydantic import BaseModel

from libs.store.accounts import Account, Integration, Number, Page, Row
from libs.store.outbox import OutboxEvent
from libs.store.sqlite.database import Database
from libs.store.sqlite.outbox import add_events

PARSED: Final = 1_024
"""Rows that are kept parsed, some 4 KB each; those of a busy account are read every 30 s by the caches before this."""


@dataclass(frozen=True, slots=True)
class _Table:
    """The table of one kind of row, and its columns besides `id`, `version` and `body`."""

    name: str
    searched: tuple[str, ...]
    account_column: str


_TABLES: Mapping[type[Account | Number | Integration], _Table] = {
    Account: _Table("accounts", (), "id"),
    Number: _Table("numbers", ("account_id", "phone_number_id", "business_account_id"), "account_id"),
    Integration: _Table("integrations", ("account_id", "instance_id"), "account_id"),
}


_OF_NUMBER = (
    "SELECT body FROM integrations WHERE id IN (SELECT id FROM integrations WHERE instance_id = :number "
    "UNION SELECT integration_id FROM chat_numbers WHERE number_id = :number) ORDER BY id"
)


@dataclass(frozen=True, slots=True)
class SqliteDirectory:
    """`Directory`: one indexed read on the event loop."""

    main: Database

    async def account(self, account_id: str) -> Account | None:
        """As `Directory.account`."""
        return _row_from(Account, self.main.row("SELECT body FROM accounts WHERE id = ?", (account_id,)))

    async def number(self, *, number_id: str | None = None, phone_number_id: str | None = None) -> Number | None:
        """As `Directory.number`; with both ids, the number that has both."""
        given = [(c, v) for c, v in (("id", number_id), ("phone_number_id", phone_number_id)) if v is not None]
        where = " AND ".join(f"{column} = ?" for column, _ in given) or "0"
        sql = f"SELECT body FROM numbers WHERE {where}"  # noqa: S608 -- column names from above
        return _row_from(Number, self.main.row(sql, [value for _, value in given]))

    async def integration(self, integration_id: str) -> Integration | None:
        """As `Directory.integration`."""
        return _row_from(Integration, self.main.row("SELECT body FROM integrations WHERE id = ?", (integration_id,)))


@dataclass(frozen=True, slots=True)
class SqliteRegistry:
    """`Registry` and `BusinessAccounts`: an edit is an UPDATE with the version that was read in its WHERE clause."""

    main: Database

    async def page(self, kind: type[Row], page: Page) -> Sequence[Row]:
        """As `Registry.page`."""
        table = _TABLES[kind]
        of_account = f"AND {table.account_column} = :account" if page.account_id is not None else ""
        sql = f"SELECT body FROM {table.name} WHERE id > :after {of_account} ORDER BY id LIMIT :limit"  # noqa: S608 -- names from `_TABLES`
        wanted = {"after": page.after or "", "account": page.account_id, "limit": page.limit}
        rows = await self.main.rows(sql, wanted)
        return [kind.model_validate_json(body) for (body,) in rows]

    async def save(self, row: Account | Number | Integration, events: Sequence[OutboxEvent], *, created: bool) -> bool:
        """As `Registry.save`."""
        sql = _insert(_TABLES[type(row)]) if created else _update(_TABLES[type(row)])
        values = _values_from(row)

        def write(connection: sqlite3.Connection) -> bool:
            written = connection.execute(sql, values).rowcount == 1
            if written:
                add_events(connection, events)
                if isinstance(row, Integration):
                    _index_chat_numbers(connection, row)
            return written

        return await self.main.change(write)

    async def integrations_of(self, number_id: str) -> Sequence[Integration]:
        """As `Registry.integrations_of`."""
        rows = await self.main.rows(_OF_NUMBER, {"number": number_id})
        return [Integration.model_validate_json(body) for (body,) in rows]

    async def numbers_of(self, business_account_id: str) -> Sequence[Number]:
        """As `BusinessAccounts.numbers_of`."""
        sql = "SELECT body FROM numbers WHERE business_account_id = ? ORDER BY id"
        return [Number.model_validate_json(body) for (body,) in await self.main.rows(sql, (business_account_id,))]


def _index_chat_numbers(connection: sqlite3.Connection, row: Integration) -> None:
    connection.execute("DELETE FROM chat_numbers WHERE integration_id = ?", (row.id,))
    rows = [(row.id, number_id) for number_id in row.chat_numbers.values()]
    connection.executemany("INSERT OR IGNORE INTO chat_numbers VALUES (?, ?)", rows)


def _row_from(kind: type[Row], found: Any) -> Row | None:
    return None if found is None else cast("Row", _parsed(kind, found[0]))


@lru_cache(PARSED)
def _parsed(kind: type[BaseModel], body: str) -> BaseModel:
    """The row with this body. Rows are frozen, so equal bodies are one row, which a cache's next read finds again."""
    return kind.model_validate_json(body)


def _values_from(row: Account | Number | Integration) -> dict[str, Any]:
    searched = {column: getattr(row, column) for column in _TABLES[type(row)].searched}
    return {"id": row.id, "version": row.version, "body": row.model_dump_json(), **searched}


def _insert(table: _Table) -> str:
    columns = ("id", "version", "body", *table.searched)
    named = ", ".join(f":{column}" for column in columns)
    return f"INSERT OR IGNORE INTO {table.name} ({', '.join(columns)}) VALUES ({named})"  # noqa: S608 -- names from `_TABLES`


def _update(table: _Table) -> str:
    changed = ", ".join(f"{column} = :{column}" for column in ("version", "body", *table.searched))
    return f"UPDATE OR IGNORE {table.name} SET {changed} WHERE id = :id AND version = :version - 1"  # noqa: S608 -- names from `_TABLES`
