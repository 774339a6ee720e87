"""`Subjects` in SQLite, in a separate file. Deleted keys are overwritten at once."""

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from libs.store.sqlite.database import Database, json_list
from libs.store.subjects import Subject

FEW = 64
"""Up to so many subjects are read on the event loop: switching to a thread would take longer."""
_COLUMNS = "customer_key, pseudonym, sealed_key"
_FIND = (
    f"SELECT {_COLUMNS} FROM subjects WHERE customer_key IN (SELECT value FROM json_each(:keys)) "  # noqa: S608 -- names from above
    "OR pseudonym IN (SELECT value FROM json_each(:pseudonyms))"
)


@dataclass(frozen=True, slots=True)
class SqliteSubjects:
    """`Subjects`."""

    subjects: Database

    async def find(self, *, customer_keys: Collection[str] = (), pseudonyms: Collection[str] = ()) -> Sequence[Subject]:
        """As `Subjects.find`."""
        wanted = {"keys": json_list(customer_keys), "pseudonyms": json_list(pseudonyms)}
        if len(customer_keys) + len(pseudonyms) <= FEW:
            return [Subject(*row) for row in self.subjects.few_rows(_FIND, wanted)]
        return [Subject(*row) for row in await self.subjects.rows(_FIND, wanted)]

    async def add(self, subjects: Sequence[Subject]) -> Sequence[Subject]:
        """As `Subjects.add`."""
        if not subjects:
            return []
        rows = [(each.customer_key, each.pseudonym, each.sealed_key) for each in subjects]
        keys = json_list([each.customer_key for each in subjects])

        def write(connection: sqlite3.Connection) -> list[Subject]:
            connection.executemany("INSERT INTO subjects VALUES (?, ?, ?) ON CONFLICT DO NOTHING", rows)
            return [Subject(*row) for row in connection.execute(_FIND, {"keys": keys, "pseudonyms": "[]"})]

        return await self.subjects.change(write)

    async def delete(self, customer_keys: Collection[str]) -> int:
        """As `Subjects.delete`."""
        sql = "DELETE FROM subjects WHERE customer_key IN (SELECT value FROM json_each(?))"
        keys = json_list(customer_keys)
        deleted = await self.subjects.change(lambda connection: connection.execute(sql, (keys,)).rowcount)
        await self.subjects.truncate_wal()
        return int(deleted)
