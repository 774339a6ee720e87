"""`Idempotency` and `Answers` in MongoDB.

The rule: whoever inserts or takes over a key's document owns the key; everyone else reads the document. A key that is
24 hours old is taken over in one operation.
"""

from datetime import datetime, timedelta
from typing import Any

import orjson

from libs.contracts.errors import unavailable
from libs.contracts.events import MessageSettled, WebhookAnswered
from libs.store.callers import Caller
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
from libs.store.mongo.database import AFTER, DUPLICATE_KEY, TOUCH, Database, Document, run, unless_duplicate

_TRIES = 5


def _id_from(caller: Caller, key: str) -> str:
    return f"{caller.integration_id}:{caller.stored_key(key)}"


class MongoIdempotency:
    """`Idempotency`."""

    def __init__(self, database: Database) -> None:
        self._keys = database["idempotency"]

    async def claim(
        self, *, caller: Caller, key: str, body_hash: str, event_id: str, now: datetime, kept: timedelta = KEPT
    ) -> Fresh | Duplicate | Reused:
        """As `Idempotency.claim`."""
        name = _id_from(caller, key)
        expired = {"$lte": micros_from(now - kept)}
        mine = {"event_id": event_id, "body_hash": body_hash, "at": micros_from(now)}
        for _ in range(_TRIES):
            claimed = await unless_duplicate(
                self._keys.find_one_and_update(
                    {"_id": name, "at": expired}, {"$set": mine, "$unset": {"answer": ""}, **TOUCH}, upsert=True
                )
            )
            if claimed is not DUPLICATE_KEY:
                return Fresh()
            # A write, so that what it finds has reached a majority and survives a failover.
            owner: Document | None = await run(
                self._keys.find_one_and_update({"_id": name}, TOUCH, return_document=AFTER)
            )
            if owner is not None:
                same = owner["body_hash"] == body_hash
                return Duplicate(owner["event_id"], owner.get("answer")) if same else Reused(owner["event_id"])
        raise unavailable("store")

    async def answer(self, *, caller: Caller, key: str, event_id: str, answer: bytes) -> None:
        """As `Idempotency.answer`."""
        owned = {"_id": _id_from(caller, key), "event_id": event_id, "answer": {"$exists": False}}
        await run(self._keys.update_one(owned, {"$set": {"answer": answer}}))

    async def release(self, *, caller: Caller, key: str, event_id: str) -> None:
        """As `Idempotency.release`."""
        await run(self._keys.delete_one({"_id": _id_from(caller, key), "event_id": event_id}))


class MongoAnswers:
    """`Answers`. The answer is read from its record; before there is one, a document marks the event as pending.

    The message id, which identifies the customer, is read from the ledger, where an erasure removes it.
    """

    def __init__(self, database: Database) -> None:
        self._pending = database["answers"]
        self._records = database["records"]
        self._ledger = database["ledger"]

    async def mark_pending(self, event_id: str, integration_id: str, *, now: datetime) -> None:
        """As `Answers.mark_pending`."""
        update = {"$setOnInsert": {"integration_id": integration_id, "at": micros_from(now)}, **TOUCH}
        await run(self._pending.update_one({"_id": event_id}, update, upsert=True))

    async def find(self, event_id: str, integration_id: str) -> dict[str, Any] | None:
        """As `Answers.find`."""
        wanted = {"event_id": event_id, "integration_id": integration_id, "type": WebhookAnswered.name}
        answered = await run(self._records.find_one(wanted))
        if answered is None:
            pending = await run(self._pending.find_one({"_id": event_id, "integration_id": integration_id}))
            return None if pending is None else {}
        entry = await run(self._ledger.find_one({"_id": event_id}, {"message_id": 1})) or {}
        message_id = entry.get("message_id")
        answer = answer_from(answered.get("code"), answered["details"], message_id=message_id)
        return (
            with_settlement(answer, await self._settlement(event_id), message_id)
            if outcome_is_unknown(answer)
            else answer
        )

    async def _settlement(self, event_id: str) -> dict[str, Any] | None:
        found = await run(self._records.find_one({"event_id": event_id, "type": MessageSettled.name}))
        return None if found is None else orjson.loads(found["details"])
