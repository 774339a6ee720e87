"""`DeadLetters` in SQLite. Expired dead letters are deleted whenever the waiting ones are counted."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from libs.store.dead_letters import DeadLetter, DeadLetterFilter
from libs.store.instants import micros_from, optional_instant_from
from libs.store.outbox import OutboxEvent
from libs.store.sqlite.database import Database
from libs.store.sqlite.outbox import add_events

_FIELDS = ("id", "queue", "account_id", "died_at", "expires_at", "replayed_at", "replayed_by", "discarded_at",
           "discarded_by", "body", "sealed")  # fmt: skip
_COLUMNS = ", ".join(_FIELDS)
_IN_BODY = ("reason", "name", "message_id", "integration_id", "attempts", "replayable")
_MAX_EXPIRED = 1_000
"""Dead letters that one call deletes at most."""


@dataclass(frozen=True, slots=True)
class SqliteDeadLetters:
    """`DeadLetters`."""

    main: Database

    async def add(self, letter: DeadLetter) -> None:
        """As `DeadLetters.add`."""
        body = orjson.dumps({name: getattr(letter, name) for name in _IN_BODY}).decode()
        values = (
            *(letter.id, letter.queue, letter.account_id),
            *(micros_from(letter.died_at), micros_from(letter.expires_at), body, letter.sealed),
        )

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO dead_letters (id, queue, account_id, died_at, expires_at, body, sealed) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                values,
            )

        await self.main.change(write)

    async def remove(self, letter_id: str) -> None:
        """As `DeadLetters.remove`."""
        sql = "DELETE FROM dead_letters WHERE id = ? AND replayed_at IS NULL AND discarded_at IS NULL"
        await self.main.change(lambda connection: connection.execute(sql, (letter_id,)).rowcount)

    async def page(self, wanted: DeadLetterFilter, *, after: str | None, limit: int) -> Sequence[DeadLetter]:
        """As `DeadLetters.page`."""
        given = {"id": wanted.id, "queue": wanted.queue, "account_id": wanted.account_id}
        terms = {f"{column} = ?": value for column, value in given.items() if value is not None}
        if after is not None:
            terms["id < ?"] = after
        where = list(terms)
        if wanted.replayed is not None:
            where.append(f"replayed_at IS {'NOT ' if wanted.replayed else ''}NULL")
        if wanted.discarded is not None:
            where.append(f"discarded_at IS {'NOT ' if wanted.discarded else ''}NULL")
        sql = f"SELECT {_COLUMNS} FROM dead_letters WHERE {' AND '.join(where) or '1'} ORDER BY id DESC LIMIT ?"  # noqa: S608 -- names from above
        return [_letter_from(row) for row in await self.main.rows(sql, (*terms.values(), limit))]

    async def mark_replayed(self, letter_id: str, *, at: datetime, by: str, events: Sequence[OutboxEvent]) -> None:
        """As `DeadLetters.mark_replayed`."""

        def mark(connection: sqlite3.Connection) -> None:
            sql = "UPDATE dead_letters SET replayed_at = ?, replayed_by = ? WHERE id = ?"
            connection.execute(sql, (micros_from(at), by, letter_id))
            add_events(connection, events)

        await self.main.change(mark)

    async def mark_discarded(self, letter_id: str, *, at: datetime, by: str, events: Sequence[OutboxEvent]) -> bool:
        """As `DeadLetters.mark_discarded`."""

        def mark(connection: sqlite3.Connection) -> bool:
            sql = (
                "UPDATE dead_letters SET discarded_at = ?, discarded_by = ?, sealed = '' "
                "WHERE id = ? AND replayed_at IS NULL AND discarded_at IS NULL"
            )
            if not connection.execute(sql, (micros_from(at), by, letter_id)).rowcount:
                return False
            add_events(connection, events)
            return True

        return await self.main.change(mark)

    async def count_waiting(self, now: datetime) -> Mapping[str, int]:
        """As `DeadLetters.count_waiting`."""

        def count(connection: sqlite3.Connection) -> dict[str, int]:
            connection.execute(
                "DELETE FROM dead_letters WHERE id IN "
                "(SELECT id FROM dead_letters WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)",
                (micros_from(now), _MAX_EXPIRED),
            )
            waiting = "replayed_at IS NULL AND discarded_at IS NULL"
            sql = f"SELECT queue, count(*) FROM dead_letters WHERE {waiting} GROUP BY queue"  # noqa: S608 -- from above
            return dict(connection.execute(sql).fetchall())

        return await self.main.change(count)


def _letter_from(row: Any) -> DeadLetter:
    stored = dict(zip(_FIELDS, row, strict=True))
    body = orjson.loads(stored.pop("body"))
    times = {
        name: optional_instant_from(stored[name]) for name in ("died_at", "expires_at", "replayed_at", "discarded_at")
    }
    return DeadLetter(**stored | times | body)
