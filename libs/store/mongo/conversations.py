"""`Conversations` and `Suppressions` in MongoDB: one document per number and customer, or per customer and kind.

The rule: times only grow, so the order of arrival does not matter. A customer is suppressed while the latest opt-out
(`stop_at`) is after the latest opt-in (`lift_at`); of two at the same time, the one that arrived last counts. Each
change from one to the other is one operation, which also writes the row and its events. Former rows stay in the
document.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import datetime

import orjson

from libs.contracts.errors import unavailable
from libs.store.conversations import Conversation, Suppression, SuppressionKind, conversation_from
from libs.store.instants import instant_from, micros_from
from libs.store.mongo.database import AFTER, DUPLICATE_KEY, Database, Document, run, unless_duplicate
from libs.store.mongo.outbox import entries_from
from libs.store.outbox import OutboxEvent

ROWS_KEPT = 100
"""Former rows per customer and kind that can be looked up; the record has all of them."""
DEDUPLICATION_KEYS_KEPT = 100
"""Opt-in messages per customer whose repetition is detected; no customer needs more in 8 days."""
_TRIES = 10
"""How often another process may change the document between the read and the write."""


def conversation_id(number_id: str, customer_key: str) -> str:
    """The id of the document of a number and a customer."""
    return f"{number_id}:{customer_key}"


def suppression_id(account_id: str, customer_key: str, kind: SuppressionKind) -> str:
    """The id of the document of an account's customer and one kind."""
    return f"{account_id}:{customer_key}:{kind.value}"


def latest_conversation(documents: Iterable[Document]) -> Conversation:
    """The latest window in the documents of one customer's keys."""
    found = list(documents)
    last = max((document["last_inbound_at"] for document in found if "last_inbound_at" in document), default=None)
    closed = max((document["closed_at"] for document in found if "closed_at" in document), default=None)
    return conversation_from(last, closed)


class MongoConversations:
    """`Conversations`."""

    def __init__(self, database: Database) -> None:
        self._conversations = database["conversations"]

    async def open_window(self, number_id: str, customer_keys: Sequence[str], at: datetime) -> None:
        """As `Conversations.open_window`; repeating it after a failure opens the rest."""
        await asyncio.gather(*(self._raise(number_id, key, "last_inbound_at", at) for key in customer_keys))

    async def close_window(self, number_id: str, customer_key: str, at: datetime) -> None:
        """As `Conversations.close_window`."""
        await self._raise(number_id, customer_key, "closed_at", at)

    async def _raise(self, number_id: str, customer_key: str, field: str, at: datetime) -> None:
        update = {"$max": {field: micros_from(at)}}
        await run(
            self._conversations.update_one({"_id": conversation_id(number_id, customer_key)}, update, upsert=True)
        )


class MongoSuppressions:
    """`Suppressions`."""

    def __init__(self, database: Database) -> None:
        self._suppressions = database["suppressions"]

    async def suppress(self, suppression: Suppression, events: Sequence[OutboxEvent]) -> Suppression:
        """As `Suppressions.suppress`."""
        since = micros_from(suppression.since)
        name = {"_id": suppression_id(suppression.account_id, suppression.customer_key, suppression.kind)}
        new = {"rows.id": {"$ne": suppression.id}}  # a repetition after a lift is no new request
        liftable = {**name, **new, "active": {"$ne": True}, "lift_at": {"$not": {"$gt": since}}}
        for _ in range(_TRIES):
            written = await unless_duplicate(
                self._suppressions.find_one_and_update(liftable, _activation(suppression, since, events), upsert=True)
            )
            if written is not DUPLICATE_KEY:
                return suppression
            repeated = {"$max": {"stop_at": since}}
            stored = await run(self._suppressions.find_one_and_update(name, repeated, return_document=AFTER))
            if stored["active"] or stored["lift_at"] > since or _has_row(stored, suppression.id):
                return _newest_of(stored) or replace(suppression, active=False)
        raise unavailable("store")

    async def lift(
        self,
        *,
        account_id: str,
        customer_key: str,
        kind: SuppressionKind,
        at: datetime,
        events: Sequence[OutboxEvent],
        deduplication_key: str | None = None,
    ) -> Suppression | None:
        """As `Suppressions.lift`: a read, then one write whose filter checks what was read."""
        when, key = micros_from(at), deduplication_key
        name = {"_id": suppression_id(account_id, customer_key, kind)}
        new: Document = {} if key is None else {"words.word": {"$ne": key}}
        for _ in range(_TRIES):
            stored = await run(self._suppressions.find_one(name)) or {"active": False}
            earlier = next((each for each in stored.get("words", ()) if each["word"] == key), None)
            if earlier is not None:
                lifted_id = earlier["lifted"]
                return None if lifted_id is None else replace(_row_of(stored, lifted_id), active=False)
            if stored["active"] and stored["stop_at"] <= when:
                liftable = {**name, **new, "active": True, "id": stored["id"], "stop_at": {"$lte": when}}
                pushed = {**_outbox(events), **_lifted_by(key, stored["id"])}
                ended = {"$set": {"active": False}, "$max": {"lift_at": when}, "$push": pushed}
                lifted = await run(self._suppressions.find_one_and_update(liftable, ended, return_document=AFTER))
                if lifted is not None:
                    return _newest_of(lifted)
                continue
            nothing_to_lift = {**name, **new, "$or": [{"active": {"$ne": True}}, {"stop_at": {"$gt": when}}]}
            customer = {"account_id": account_id, "customer_key": customer_key, "active": False}
            remembered: Document = {"$max": {"lift_at": when}, "$setOnInsert": customer}
            if key is not None:
                remembered["$push"] = _lifted_by(key, None)
            written = await unless_duplicate(self._suppressions.update_one(nothing_to_lift, remembered, upsert=True))
            if written is not DUPLICATE_KEY:
                return None
        raise unavailable("store")

    async def page(
        self, *, account_id: str | None, customer_key: str | None, after: str | None, limit: int
    ) -> Sequence[Suppression]:
        """As `Suppressions.page`."""
        given = {"account_id": account_id, "customer_key": customer_key}
        wanted: Document = {"active": True, **{name: value for name, value in given.items() if value is not None}}
        if after is not None:
            wanted["id"] = {"$gt": after}
        found = await run(self._suppressions.find(wanted).sort("id", 1).limit(limit).to_list(None))
        return [row for document in found if (row := _newest_of(document)) is not None]

    async def get(self, suppression_id: str) -> Suppression | None:
        """As `Suppressions.get`."""
        found = await run(self._suppressions.find_one({"rows.id": suppression_id}))
        return None if found is None else _row_of(found, suppression_id)


def _activation(suppression: Suppression, since: int, events: Sequence[OutboxEvent]) -> Document:
    row = asdict(suppression) | {"since": since, "evidence": orjson.dumps(suppression.evidence).decode()}
    customer = {name: row.pop(name) for name in ("account_id", "customer_key", "active")}
    return {
        "$set": {**customer, "active": True, "id": suppression.id},
        "$max": {"stop_at": since},
        "$push": {"rows": {"$each": [row | {"kind": suppression.kind.value}], "$slice": -ROWS_KEPT}, **_outbox(events)},
    }


def _outbox(events: Sequence[OutboxEvent]) -> Document:
    return {"outbox": {"$each": entries_from(events)}}


def _lifted_by(deduplication_key: str | None, lifted: str | None) -> Document:
    if deduplication_key is None:
        return {}
    return {"words": {"$each": [{"word": deduplication_key, "lifted": lifted}], "$slice": -DEDUPLICATION_KEYS_KEPT}}


def _has_row(document: Document, row_id: str) -> bool:
    return any(row["id"] == row_id for row in document.get("rows", ()))


def _newest_of(document: Document) -> Suppression | None:
    return _row_of(document, document["id"]) if "id" in document else None


def suppressions_in(document: Document) -> list[Suppression]:
    """All stored rows of one customer and kind, former ones included."""
    return [_row_of(document, row["id"]) for row in document.get("rows", ())]


def _row_of(document: Document, row_id: str) -> Suppression:
    row = next(row for row in reversed(document["rows"]) if row["id"] == row_id)
    since = instant_from(row["since"])
    return Suppression(
        account_id=document["account_id"],
        customer_key=document["customer_key"],
        active=document["active"] and row_id == document["id"],
        **row | {"since": since, "kind": SuppressionKind(row["kind"]), "evidence": orjson.loads(row["evidence"])},
    )
