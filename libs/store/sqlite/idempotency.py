"""Owned keys and answers in SQLite."""

import sqlite3
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from libs.contracts.events import MessageSettled, WebhookAnswered
from libs.contracts.results import AnswerStatus
from libs.store.decisions import DECISIONS_KEPT_DAYS
from libs.store.idempotency import KEPT_HOURS, Fresh, Reused, Twin, is_unknown, with_settlement
from libs.store.sqlite.database import Database
from libs.store.sqlite.instants import micros_from
from libs.store.sqlite.purging import Purge

_KEPT = timedelta(hours=KEPT_HOURS)
_OWNED = "integration_id = ? AND key = ? AND event_id = ?"


@dataclass(frozen=True, slots=True)
class SqliteIdempotency:
    """`Idempotency`."""

    requests: Database
    _purge: Purge = field(default_factory=lambda: Purge("claimed_keys", _KEPT))

    async def claim(
        self, *, integration_id: str, key: str, body_hash: str, event_id: str, now: datetime
    ) -> Fresh | Twin | Reused:
        """Take the key; one that is older than 24 h is free again."""
        claimed = (integration_id, key)

        def take(connection: sqlite3.Connection) -> Fresh | Twin | Reused:
            found = connection.execute(
                "SELECT body_hash, event_id, answer FROM claimed_keys WHERE integration_id = ? AND key = ? AND at > ?",
                (*claimed, micros_from(now - _KEPT)),
            ).fetchone()
            if found is not None:
                return Twin(found[1], found[2]) if found[0] == body_hash else Reused()
            connection.execute(
                "INSERT OR REPLACE INTO claimed_keys VALUES (?, ?, ?, ?, ?, NULL)",
                (*claimed, body_hash, event_id, micros_from(now)),
            )
            self._purge(connection, now)
            return Fresh()

        return await self.requests.change(take)

    async def answer(self, *, integration_id: str, key: str, event_id: str, answer: bytes) -> None:
        """Store the final answer of the request that owns the key; the first one stands."""
        sql = f"UPDATE claimed_keys SET answer = ? WHERE {_OWNED} AND answer IS NULL"  # noqa: S608 -- names from above
        values = (answer, integration_id, key, event_id)
        await self.requests.change(lambda connection: _run(connection, sql, values))

    async def forget(self, *, integration_id: str, key: str, event_id: str) -> None:
        """Free the key of a request that was not accepted."""
        sql = f"DELETE FROM claimed_keys WHERE {_OWNED}"  # noqa: S608 -- names from above
        values = (integration_id, key, event_id)
        await self.requests.change(lambda connection: _run(connection, sql, values))


@dataclass(frozen=True, slots=True)
class SqliteAnswers:
    """`Answers`: the record of an answer is the answer; until there is one, a mark says `pending`.

    The message's id, which leads to the customer, is the ledger's to tell: it goes when the customer is erased.
    """

    requests: Database
    records: Database
    ledger: Database
    _purge: Purge = field(default_factory=lambda: Purge("pending", timedelta(days=DECISIONS_KEPT_DAYS)))

    async def pending(self, event_id: str, integration_id: str, *, now: datetime) -> None:
        """Remember that the caller was told to ask later."""

        def mark(connection: sqlite3.Connection) -> None:
            values = (event_id, integration_id, micros_from(now))
            connection.execute("INSERT INTO pending VALUES (?, ?, ?) ON CONFLICT DO NOTHING", values)
            self._purge(connection, now)

        await self.requests.change(mark)

    async def find(self, event_id: str, integration_id: str) -> dict[str, Any] | None:
        """What is known of the integration's event."""
        wanted = (event_id, integration_id)
        answered = self.records.row(
            "SELECT code, details FROM records INDEXED BY records_of_event "
            "WHERE event_id = ? AND integration_id = ? AND type = ?",
            (*wanted, WebhookAnswered.name),
        )
        if answered is not None:
            sent = self.ledger.row("SELECT message_id FROM entries WHERE event_id = ?", (event_id,))
            answer = _answer_from(*answered, message_id=sent[0] if sent else None)
            if is_unknown(answer) and (settled := self._settlement(event_id)) is not None:
                return with_settlement(answer, settled | ({"message_id": sent[0]} if sent and sent[0] else {}))
            return answer
        marked = self.requests.row("SELECT 1 FROM pending WHERE event_id = ? AND integration_id = ?", wanted)
        return None if marked is None else {}

    def _settlement(self, event_id: str) -> dict[str, Any] | None:
        sql = "SELECT details FROM records INDEXED BY records_of_event WHERE event_id = ? AND type = ?"
        found = self.records.row(sql, (event_id, MessageSettled.name))
        return None if found is None else orjson.loads(found[0])


def _run(connection: sqlite3.Connection, sql: str, values: tuple[Any, ...]) -> None:
    connection.execute(sql, values)


def _answer_from(code: str, details: str, *, message_id: str | None) -> dict[str, Any]:
    told = orjson.loads(details)
    return {
        "code": code,
        "message_id": message_id if code == AnswerStatus.SENT else None,
        "reason": told.get("reason"),
        "details": told.get("details") or {},
    }
