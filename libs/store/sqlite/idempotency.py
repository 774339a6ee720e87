"""`Idempotency` and `Answers` in SQLite."""

import sqlite3
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from libs.contracts.events import MessageSettled, WebhookAnswered
from libs.store.callers import Caller
from libs.store.decisions import DECISIONS_KEPT_DAYS
from libs.store.idempotency import (
    KEPT,
    Duplicate,
    Fresh,
    Reused,
    answer_from,
    outcome_is_unknown,
    with_settlement,
)
from libs.store.instants import micros_from
from libs.store.sqlite.cleanup import ExpiredRowCleanup
from libs.store.sqlite.database import Database

_OWNED = "integration_id = ? AND key = ? AND event_id = ?"


@dataclass(frozen=True, slots=True)
class SqliteIdempotency:
    """`Idempotency`."""

    requests: Database
    _cleanup: ExpiredRowCleanup = field(default_factory=lambda: ExpiredRowCleanup("claimed_keys", KEPT))

    async def claim(
        self, *, caller: Caller, key: str, body_hash: str, event_id: str, now: datetime, kept: timedelta = KEPT
    ) -> Fresh | Duplicate | Reused:
        """As `Idempotency.claim`."""
        claimed = (caller.integration_id, caller.stored_key(key))

        def take(connection: sqlite3.Connection) -> Fresh | Duplicate | Reused:
            found = connection.execute(
                "SELECT body_hash, event_id, answer FROM claimed_keys WHERE integration_id = ? AND key = ? AND at > ?",
                (*claimed, micros_from(now - kept)),
            ).fetchone()
            if found is not None:
                return Duplicate(found[1], found[2]) if found[0] == body_hash else Reused(found[1])
            connection.execute(
                "INSERT OR REPLACE INTO claimed_keys VALUES (?, ?, ?, ?, ?, NULL)",
                (*claimed, body_hash, event_id, micros_from(now)),
            )
            self._cleanup(connection, now)
            return Fresh()

        return await self.requests.change(take)

    async def answer(self, *, caller: Caller, key: str, event_id: str, answer: bytes) -> None:
        """As `Idempotency.answer`."""
        sql = f"UPDATE claimed_keys SET answer = ? WHERE {_OWNED} AND answer IS NULL"  # noqa: S608 -- names from above
        values = (answer, caller.integration_id, caller.stored_key(key), event_id)
        await self.requests.change(lambda connection: connection.execute(sql, values).rowcount)

    async def release(self, *, caller: Caller, key: str, event_id: str) -> None:
        """As `Idempotency.release`."""
        sql = f"DELETE FROM claimed_keys WHERE {_OWNED}"  # noqa: S608 -- names from above
        values = (caller.integration_id, caller.stored_key(key), event_id)
        await self.requests.change(lambda connection: connection.execute(sql, values).rowcount)


@dataclass(frozen=True, slots=True)
class SqliteAnswers:
    """`Answers`. The answer is read from its record; before there is one, a row in `pending` marks the event.

    The message id, which identifies the customer, is read from the ledger, where an erasure removes it.
    """

    requests: Database
    records: Database
    ledger: Database
    _cleanup: ExpiredRowCleanup = field(
        default_factory=lambda: ExpiredRowCleanup("pending", timedelta(days=DECISIONS_KEPT_DAYS))
    )

    async def mark_pending(self, event_id: str, integration_id: str, *, now: datetime) -> None:
        """As `Answers.mark_pending`."""

        def mark(connection: sqlite3.Connection) -> None:
            values = (event_id, integration_id, micros_from(now))
            connection.execute("INSERT INTO pending VALUES (?, ?, ?) ON CONFLICT DO NOTHING", values)
            self._cleanup(connection, now)

        await self.requests.change(mark)

    async def find(self, event_id: str, integration_id: str) -> dict[str, Any] | None:
        """As `Answers.find`."""
        wanted = (event_id, integration_id)
        answered = self.records.row(
            "SELECT code, details FROM records INDEXED BY records_of_event "
            "WHERE event_id = ? AND integration_id = ? AND type = ?",
            (*wanted, WebhookAnswered.name),
        )
        if answered is None:
            marked = self.requests.row("SELECT 1 FROM pending WHERE event_id = ? AND integration_id = ?", wanted)
            return None if marked is None else {}
        entry = self.ledger.row("SELECT message_id FROM entries WHERE event_id = ?", (event_id,))
        message_id = entry[0] if entry else None
        answer = answer_from(*answered, message_id=message_id)
        return with_settlement(answer, self._settlement(event_id), message_id) if outcome_is_unknown(answer) else answer

    def _settlement(self, event_id: str) -> dict[str, Any] | None:
        sql = "SELECT details FROM records INDEXED BY records_of_event WHERE event_id = ? AND type = ?"
        found = self.records.row(sql, (event_id, MessageSettled.name))
        return None if found is None else orjson.loads(found[0])
