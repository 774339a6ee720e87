"""Statuses in the ledger's entries: each is taken in within one change."""

import sqlite3
from dataclasses import dataclass
from typing import Any

import orjson

from libs.store.progress import Progress
from libs.store.sqlite.database import Database
from libs.store.statuses import Known, Told, plain_from, step_from

_COLUMNS = "event_id, account_id, integration_id, number_id, customer_key, message_id, outcome, steps"
_BY_EVENT = f"SELECT {_COLUMNS} FROM entries WHERE event_id = ? AND number_id IS NOT NULL"  # noqa: S608 -- names from above
_BY_MESSAGE = f"SELECT {_COLUMNS} FROM entries WHERE message_id = ? AND number_id = ?"  # noqa: S608 -- names from above


@dataclass(frozen=True, slots=True)
class SqliteStatuses:
    """`Statuses`."""

    ledger: Database

    async def tell(self, told: Told) -> Known | None:
        """Take one status in, once."""

        def take(connection: sqlite3.Connection) -> Known | None:
            known = _found(connection, told)
            if known is None:
                return None
            progress = known.progress.with_step(told.step)
            if progress is not known.progress:
                connection.execute(
                    "UPDATE entries SET steps = ?, message_id = ifnull(message_id, ?) WHERE event_id = ?",
                    (orjson.dumps([plain_from(s) for s in progress.steps]).decode(), told.message_id, known.event_id),
                )
            found = connection.execute(_BY_EVENT, (known.event_id,)).fetchone()
            return _known_from(found)

        return await self.ledger.change(take)

    async def of(self, event_id: str) -> Known | None:
        """What is known of a message."""
        found = self.ledger.row(_BY_EVENT, (event_id,))
        return None if found is None else _known_from(found)


def _found(connection: sqlite3.Connection, told: Told) -> Known | None:
    found = None
    if told.event_id is not None:
        found = connection.execute(f"{_BY_EVENT} AND number_id = ?", (told.event_id, told.number_id)).fetchone()
    if found is None:
        found = connection.execute(_BY_MESSAGE, (told.message_id, told.number_id)).fetchone()
    return None if found is None else _known_from(found)


def _known_from(row: Any) -> Known:
    event_id, account_id, integration_id, number_id, customer_key, message_id, outcome, steps = row
    return Known(
        event_id=event_id,
        account_id=account_id,
        integration_id=integration_id,
        number_id=number_id,
        customer_key=customer_key,
        message_id=message_id,
        outcome=outcome,
        progress=Progress(tuple(map(step_from, orjson.loads(steps or "[]")))),
    )
