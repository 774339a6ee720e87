"""`ContactBook` in SQLite."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from libs.store.contact_book import KEPT_DAYS, ContactBookDeletion, DeletionStatus
from libs.store.instants import instant_from, micros_from
from libs.store.sqlite.cleanup import ExpiredRowCleanup
from libs.store.sqlite.database import Database

_COLUMNS: Final = "id, erasure_id, account_id, number_id, at, sealed_user_id, status, tries, problem"
_SELECT = f"SELECT {_COLUMNS} FROM contact_book_deletions "  # noqa: S608 -- names from above
_INSERT = (
    f"INSERT INTO contact_book_deletions ({_COLUMNS}, due_at) "  # noqa: S608 -- names from above
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class SqliteContactBook:
    """`ContactBook`."""

    main: Database
    _cleanup: ExpiredRowCleanup = field(
        default_factory=lambda: ExpiredRowCleanup("contact_book_deletions", timedelta(days=KEPT_DAYS))
    )

    async def request(self, deletions: Sequence[ContactBookDeletion]) -> None:
        """As `ContactBook.request`."""

        def write(connection: sqlite3.Connection) -> None:
            for each in deletions:
                connection.execute(_INSERT, (*_row_from(each), micros_from(each.at)))
                self._cleanup(connection, each.at)

        if deletions:
            await self.main.change(write)

    async def due(self, now: datetime, limit: int) -> Sequence[ContactBookDeletion]:
        """As `ContactBook.due`."""
        sql = f"{_SELECT} WHERE due_at <= ? ORDER BY due_at LIMIT ?"
        return [_deletion_from(row) for row in self.main.few_rows(sql, (micros_from(now), limit))]

    async def take(self, deletion_id: str, *, now: datetime, until: datetime) -> bool:
        """As `ContactBook.take`."""
        sql = "UPDATE contact_book_deletions SET due_at = ?, tries = tries + 1 WHERE id = ? AND due_at <= ?"
        values = (micros_from(until), deletion_id, micros_from(now))
        return await self.main.change(lambda connection: connection.execute(sql, values).rowcount == 1)

    async def postpone(self, deletion_id: str, problem: str, *, due_at: datetime) -> None:
        """As `ContactBook.postpone`."""
        sql = "UPDATE contact_book_deletions SET due_at = ?, problem = ? WHERE id = ? AND due_at IS NOT NULL"
        await self._write(sql, (micros_from(due_at), problem, deletion_id))

    async def end(self, deletion_id: str, status: DeletionStatus, problem: str | None = None) -> None:
        """As `ContactBook.end`."""
        sql = (
            "UPDATE contact_book_deletions SET due_at = NULL, sealed_user_id = NULL, status = ?, problem = ? "
            "WHERE id = ? AND due_at IS NOT NULL"
        )
        await self._write(sql, (status.value, problem, deletion_id))

    async def of_erasure(self, erasure_id: str) -> Sequence[ContactBookDeletion]:
        """As `ContactBook.of_erasure`."""
        rows = await self.main.rows(f"{_SELECT} WHERE erasure_id = ? ORDER BY id", (erasure_id,))
        return [_deletion_from(row) for row in rows]

    async def _write(self, sql: str, values: tuple[Any, ...]) -> None:
        await self.main.change(lambda connection: connection.execute(sql, values).rowcount)


def _row_from(deletion: ContactBookDeletion) -> tuple[Any, ...]:
    whose = (deletion.id, deletion.erasure_id, deletion.account_id, deletion.number_id, micros_from(deletion.at))
    return (*whose, deletion.sealed_user_id, deletion.status.value, deletion.tries, deletion.problem)


def _deletion_from(row: Any) -> ContactBookDeletion:
    fields = dict(zip(_COLUMNS.split(", "), row, strict=True))
    return ContactBookDeletion(
        **fields | {"at": instant_from(fields["at"]), "status": DeletionStatus(fields["status"])}
    )
