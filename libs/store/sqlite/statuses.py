"""`Statuses` in SQLite, in the ledger's entries: each status is applied within one change."""

import sqlite3
from dataclasses import dataclass
from typing import Any

import orjson

from libs.store.progress import Progress
from libs.store.sqlite.database import Database
from libs.store.statuses import StatusUpdate, TrackedMessage, json_from_step, step_from_json

_FIELDS = (
    *("event_id", "account_id", "integration_id", "number_id", "customer_key"),
    *("message_id", "outcome", "fallback", "contact"),
)
_COLUMNS = ", ".join((*_FIELDS, "steps"))
_BY_EVENT = f"SELECT {_COLUMNS} FROM entries WHERE event_id = ? AND number_id IS NOT NULL"  # noqa: S608 -- names from above
_BY_MESSAGE = f"SELECT {_COLUMNS} FROM entries WHERE message_id = ? AND number_id = ?"  # noqa: S608 -- names from above


@dataclass(frozen=True, slots=True)
class SqliteStatuses:
    """`Statuses`."""

    ledger: Database

    async def apply(self, update: StatusUpdate) -> TrackedMessage | None:
        """As `Statuses.apply`."""

        def write(connection: sqlite3.Connection) -> TrackedMessage | None:
            message = _message_of(connection, update)
            if message is None:
                return None
            if update.follows is not None and not message.progress.has(update.follows):
                return message
            progress = message.progress.with_step(update.step)
            if progress is not message.progress:
                steps = orjson.dumps([json_from_step(step) for step in progress.steps]).decode()
                connection.execute(
                    "UPDATE entries SET steps = ?, message_id = ifnull(message_id, ?), "
                    "fallback = iif(?, NULL, fallback) WHERE event_id = ?",
                    (steps, update.message_id, update.step.status.reached, message.event_id),
                )
            return _message_from(connection.execute(_BY_EVENT, (message.event_id,)).fetchone())

        return await self.ledger.change(write)

    async def find(self, event_id: str) -> TrackedMessage | None:
        """As `Statuses.find`."""
        found = self.ledger.row(_BY_EVENT, (event_id,))
        return None if found is None else _message_from(found)

    async def find_message(self, number_id: str, message_id: str) -> TrackedMessage | None:
        """As `Statuses.find_message`."""
        found = self.ledger.row(_BY_MESSAGE, (message_id, number_id))
        return None if found is None else _message_from(found)


def _message_of(connection: sqlite3.Connection, update: StatusUpdate) -> TrackedMessage | None:
    found = None
    if update.event_id is not None:
        found = connection.execute(f"{_BY_EVENT} AND number_id = ?", (update.event_id, update.number_id)).fetchone()
    if found is None:
        found = connection.execute(_BY_MESSAGE, (update.message_id, update.number_id)).fetchone()
    return None if found is None else _message_from(found)


def _message_from(row: Any) -> TrackedMessage:
    *values, steps = row
    progress = Progress(tuple(map(step_from_json, orjson.loads(steps or "[]"))))
    return TrackedMessage(**dict(zip(_FIELDS, values, strict=True)), progress=progress)
