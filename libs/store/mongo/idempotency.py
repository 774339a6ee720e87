"""Idempotency keys as documents named by integration and key; a key that is a day old is taken over in one operation.

The rule: who inserts or takes over the document owns the key; everyone else reads what it says.
"""

from datetime import datetime, timedelta
from typing import Any

import orjson
from pymongo import ReturnDocument

from libs.contracts.errors import unavailable
from libs.contracts.events import MessageSettled
from libs.store.idempotency import KEPT_HOURS, Fresh, Reused, Twin, is_unknown, with_settlement
from libs.store.mongo.database import TAKEN, Database, Document, ask, micros_from, unless_taken
from libs.store.mongo.records import told_from

_TRIES = 5
_TOUCH = {"$currentDate": {"touched_at": True}}


def _id_from(integration_id: str, key: str) -> str:
    return f"{integration_id}:{key}"


class MongoIdempotency:
    """An `Idempotency`."""

    def __init__(self, database: Database) -> None:
        self._keys = database["idempotency"]

    async def claim(
        self, *, integration_id: str, key: str, body_hash: str, event_id: str, now: datetime
    ) -> Fresh | Twin | Reused:
        """As `Idempotency.claim`."""
        name = _id_from(integration_id, key)
        expired = {"$lte": micros_from(now - timedelta(hours=KEPT_HOURS))}
        mine = {"event_id": event_id, "body_hash": body_hash, "at": micros_from(now)}
        for _ in range(_TRIES):
            claimed = await unless_taken(
                self._keys.find_one_and_update(
                    {"_id": name, "at": expired}, {"$set": mine, "$unset": {"answer": ""}, **_TOUCH}, upsert=True
                )
            )
            if claimed is not TAKEN:
                return Fresh()
            # A write, so that what it finds has reached a majority and survives a failover.
            owner: Document | None = await ask(
                self._keys.find_one_and_update({"_id": name}, _TOUCH, return_document=ReturnDocument.AFTER)
            )
            if owner is not None:
                same = owner["body_hash"] == body_hash
                return Twin(owner["event_id"], owner.get("answer")) if same else Reused()
        raise unavailable("store")

    async def answer(self, *, integration_id: str, key: str, event_id: str, answer: bytes) -> None:
        """As `Idempotency.answer`."""
        owned = {"_id": _id_from(integration_id, key), "event_id": event_id, "answer": {"$exists": False}}
        await ask(self._keys.update_one(owned, {"$set": {"answer": answer}}))

    async def forget(self, *, integration_id: str, key: str, event_id: str) -> None:
        """As `Idempotency.forget`."""
        await ask(self._keys.delete_one({"_id": _id_from(integration_id, key), "event_id": event_id}))


class MongoAnswers:
    """An `Answers`: the answer record where there is one, else whether the caller was told to ask later.

    The message's id, which leads to the customer, is the ledger's to tell: it goes when the customer is erased.
    """

    def __init__(self, database: Database) -> None:
        self._pending = database["answers"]
        self._records = database["records"]
        self._ledger = database["ledger"]

    async def pending(self, event_id: str, integration_id: str, *, now: datetime) -> None:
        """As `Answers.pending`."""
        update = {"$setOnInsert": {"integration_id": integration_id, "at": micros_from(now)}, **_TOUCH}
        await ask(self._pending.update_one({"_id": event_id}, update, upsert=True))

    async def find(self, event_id: str, integration_id: str) -> dict[str, Any] | None:
        """As `Answers.find`."""
        answer = {"event_id": event_id, "integration_id": integration_id, "type": "webhook.answered"}
        found = await ask(self._records.find_one(answer))
        if found is not None:
            sent = await ask(self._ledger.find_one({"_id": event_id}, {"message_id": 1})) or {}
            told = told_from(found, message_id=sent.get("message_id"))
            if not is_unknown(told):
                return told
            settled = await ask(self._records.find_one({"event_id": event_id, "type": MessageSettled.name}))
            if settled is None:
                return told
            known = {"message_id": sent["message_id"]} if sent.get("message_id") else {}
            return with_settlement(told, orjson.loads(settled["details"]) | known)
        asked = await ask(self._pending.find_one({"_id": event_id, "integration_id": integration_id}))
        return None if asked is None else {}
