"""Dead letters in SQLite; those whose time is over go whenever they are counted."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from libs.store.dead_letters import DeadLetter, DeadLetterFilter
from libs.store.outbox import Posted
from libs.store.sqlite.database import Database
from libs.store.sqlite.instants import instant_from, micros_from
from libs.store.sqlite.outbox import post

_COLUMNS = "id, queue, account_id, died_at, expires_at, replayed_at, replayed_by, body, sealed"
_IN_BODY = ("reason", "name", "message_id", "integration_id", "attempts")
_AT_ONCE = 1_000
"""Letters that are forgotten in one go."""


@dataclass(frozen=True, slots=True)
class SqliteDeadLetters:
    """`DeadLetters`."""

    main: Database

    async def keep(self, letter: DeadLetter) -> None:
        """Write the letter unless it is there."""
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

    async def page(self, wanted: DeadLetterFilter, *, after: str | None, limit: int) -> Sequence[DeadLetter]:
        """Letters, the latest id first."""
        given = {"id": wanted.id, "queue": wanted.queue, "account_id": wanted.account_id}
        terms = {f"{column} = ?": value for column, value in given.items() if value is not None}
        if after is not None:
            terms["id < ?"] = after
        where = list(terms)
        if wanted.replayed is not None:
            where.append(f"replayed_at IS {'NOT ' if wanted.replayed else ''}NULL")
        sql = f"SELECT {_COLUMNS} FROM dead_letters WHERE {' AND '.join(where) or '1'} ORDER BY id DESC LIMIT ?"  # noqa: S608 -- names from above
        return [_letter_from(row) for row in await self.main.rows(sql, (*terms.values(), limit))]

    async def replayed(self, letter_id: str, *, at: datetime, by: str, events: Sequence[Posted]) -> None:
        """Note a replay, and the events that tell of it, in one step."""

        def note(connection: sqlite3.Connection) -> None:
            sql = "UPDATE dead_letters SET replayed_at = ?, replayed_by = ? WHERE id = ?"
            connection.execute(sql, (micros_from(at), by, letter_id))
            post(connection, events)

        await self.main.change(note)

    async def waiting(self, now: datetime) -> Mapping[str, int]:
        """How many letters nobody has replayed, by queue."""

        def count(connection: sqlite3.Connection) -> dict[str, int]:
            connection.execute(
                "DELETE FROM dead_letters WHERE id IN "
                "(SELECT id FROM dead_letters WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)",
                (micros_from(now), _AT_ONCE),
            )
            sql = "SELECT queue, count(*) FROM dead_letters WHERE replayed_at IS NULL GROUP BY queue"
            return dict(connection.execute(sql).fetchall())

        return await self.main.change(count)


def _letter_from(row: Any) -> DeadLetter:
    letter_id, queue, account_id, died_at, expires_at, replayed_at, replayed_by, body, sealed = row
    return DeadLetter(
        id=letter_id,
        queue=queue,
        account_id=account_id,
        died_at=instant_from(died_at),
        expires_at=instant_from(expires_at),
        replayed_at=None if replayed_at is None else instant_from(replayed_at),
        replayed_by=replayed_by,
        sealed=sealed,
        **orjson.loads(body),
    )
