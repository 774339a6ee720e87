"""Windows and suppressions, one document for each customer (and kind), named by what it is about.

The rule: times only ever grow, so the order in which words arrive does not matter. A customer is suppressed while the
latest word against messages (`stop_at`) is newer than the latest one for them (`lift_at`), or as new and came last;
whoever makes that change sides does so in one operation that writes the row and its events too. Former rows stay in
the document.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

import orjson
from pymongo import ReturnDocument

from libs.contracts.errors import unavailable
from libs.store.conversations import Conversation, Suppression, SuppressionKind
from libs.store.mongo.database import TAKEN, Database, Document, ask, datetime_from, micros_from, unless_taken
from libs.store.mongo.outbox import entries_from
from libs.store.outbox import Posted

ROWS_KEPT = 100
"""Former rows of one customer and kind that can still be asked for; the record keeps them all."""
WORDS_KEPT = 100
"""Opt-in messages of one customer whose repetition is known: who writes more of them in 8 days plays."""
_TRIES = 10
"""How often somebody else may change sides between our look and our write."""
_AFTER = ReturnDocument.AFTER


def conversation_id(number_id: str, customer_key: str) -> str:
    """What the document of a number and a customer is named."""
    return f"{number_id}:{customer_key}"


def suppression_id(account_id: str, customer_key: str, kind: SuppressionKind) -> str:
    """What the document of an account's customer and one kind is named."""
    return f"{account_id}:{customer_key}:{kind.value}"


def conversation_from(documents: Iterable[Document]) -> Conversation:
    """The latest window of one customer's documents; a closing counts until the customer writes again."""
    found = list(documents)
    last = max((document["last_inbound_at"] for document in found if "last_inbound_at" in document), default=None)
    closed = max((document["closed_at"] for document in found if "closed_at" in document), default=None)
    if last is not None and closed is not None and last > closed:
        closed = None
    return Conversation(
        None if last is None else datetime_from(last), None if closed is None else datetime_from(closed)
    )


class MongoConversations:
    """`Conversations`."""

    def __init__(self, database: Database) -> None:
        self._conversations = database["conversations"]

    async def customer_wrote(self, number_id: str, customer_keys: Sequence[str], at: datetime) -> None:
        """As `Conversations.customer_wrote`; repeating it after a failure half-way opens the rest."""
        await asyncio.gather(*(self._raise(number_id, key, "last_inbound_at", at) for key in customer_keys))

    async def window_closed(self, number_id: str, customer_key: str, at: datetime) -> None:
        """As `Conversations.window_closed`."""
        await self._raise(number_id, customer_key, "closed_at", at)

    async def _raise(self, number_id: str, customer_key: str, field: str, at: datetime) -> None:
        update = {"$max": {field: micros_from(at)}}
        await ask(
            self._conversations.update_one({"_id": conversation_id(number_id, customer_key)}, update, upsert=True)
        )


class MongoSuppressions:
    """`Suppressions`."""

    def __init__(self, database: Database) -> None:
        self._suppressions = database["suppressions"]

    async def suppress(self, suppression: Suppression, events: Sequence[Posted]) -> Suppression:
        """As `Suppressions.suppress`."""
        since = micros_from(suppression.since)
        name = {"_id": suppression_id(suppression.account_id, suppression.customer_key, suppression.kind)}
        new = {"rows.id": {"$ne": suppression.id}}  # the same wish delivered again after a lift is no new one
        liftable = {**name, **new, "active": {"$ne": True}, "lift_at": {"$not": {"$gt": since}}}
        for _ in range(_TRIES):
            written = await unless_taken(
                self._suppressions.find_one_and_update(liftable, _activation(suppression, since, events), upsert=True)
            )
            if written is not TAKEN:
                return suppression
            repeated = {"$max": {"stop_at": since}}
            standing = await ask(self._suppressions.find_one_and_update(name, repeated, return_document=_AFTER))
            if standing["active"] or standing["lift_at"] > since or _knows(standing, suppression.id):
                return _newest_of(standing) or replace(suppression, active=False)
        raise unavailable("store")

    async def lift(
        self,
        *,
        account_id: str,
        customer_key: str,
        kind: SuppressionKind,
        at: datetime,
        events: Sequence[Posted],
        word: str | None = None,
    ) -> Suppression | None:
        """As `Suppressions.lift`: one write, on what a look before it found."""
        when = micros_from(at)
        name = {"_id": suppression_id(account_id, customer_key, kind)}
        new: Document = {} if word is None else {"words.word": {"$ne": word}}
        who = {"account_id": account_id, "customer_key": customer_key, "active": False}
        for _ in range(_TRIES):
            standing = await ask(self._suppressions.find_one(name))
            heard = next((each for each in (standing or {}).get("words", ()) if each["word"] == word), None)
            if standing is not None and heard is not None:
                return None if heard["lifted"] is None else replace(_row_of(standing, heard["lifted"]), active=False)
            if standing is not None and standing["active"] and standing["stop_at"] <= when:
                liftable = {**name, **new, "active": True, "id": standing["id"], "stop_at": {"$lte": when}}
                pushed = {**_outbox(events), **_words(word, standing["id"])}
                ended = {"$set": {"active": False}, "$max": {"lift_at": when}, "$push": pushed}
                lifted = await ask(self._suppressions.find_one_and_update(liftable, ended, return_document=_AFTER))
                if lifted is not None:
                    return _newest_of(lifted)
                continue
            nothing_to_lift = {**name, **new, "$or": [{"active": {"$ne": True}}, {"stop_at": {"$gt": when}}]}
            remembered: Document = {"$max": {"lift_at": when}, "$setOnInsert": who}
            if word is not None:
                remembered["$push"] = _words(word, None)
            known = await unless_taken(self._suppressions.update_one(nothing_to_lift, remembered, upsert=True))
            if known is not TAKEN:
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
        found = await ask(self._suppressions.find(wanted).sort("id", 1).limit(limit).to_list(None))
        return [row for document in found if (row := _newest_of(document)) is not None]

    async def get(self, suppression_id: str) -> Suppression | None:
        """As `Suppressions.get`."""
        found = await ask(self._suppressions.find_one({"rows.id": suppression_id}))
        return None if found is None else _row_of(found, suppression_id)


def _activation(suppression: Suppression, since: int, events: Sequence[Posted]) -> Document:
    row = {
        "id": suppression.id,
        "kind": suppression.kind.value,
        "masked_phone": suppression.masked_phone,
        "source": suppression.source,
        "reason": suppression.reason,
        "actor": suppression.actor,
        "since": since,
        "evidence": orjson.dumps(suppression.evidence).decode(),
    }
    return {
        "$set": {
            "account_id": suppression.account_id,
            "customer_key": suppression.customer_key,
            "active": True,
            "id": suppression.id,
        },
        "$max": {"stop_at": since},
        "$push": {"rows": {"$each": [row], "$slice": -ROWS_KEPT}, **_outbox(events)},
    }


def _outbox(events: Sequence[Posted]) -> Document:
    return {"outbox": {"$each": entries_from(events)}}


def _words(word: str | None, lifted: str | None) -> Document:
    if word is None:
        return {}
    return {"words": {"$each": [{"word": word, "lifted": lifted}], "$slice": -WORDS_KEPT}}


def _knows(document: Document, row_id: str) -> bool:
    return any(row["id"] == row_id for row in document.get("rows", ()))


def _newest_of(document: Document) -> Suppression | None:
    return _row_of(document, document["id"]) if "id" in document else None


def suppressions_in(document: Document) -> list[Suppression]:
    """All rows of one customer and kind that can still be asked for, former ones included."""
    return [_row_of(document, row["id"]) for row in document.get("rows", ())]


def _row_of(document: Document, row_id: str) -> Suppression:
    row = next(row for row in reversed(document["rows"]) if row["id"] == row_id)
    since = datetime_from(row["since"])
    return Suppression(
        account_id=document["account_id"],
        customer_key=document["customer_key"],
        active=document["active"] and row_id == document["id"],
        **row | {"since": since, "kind": SuppressionKind(row["kind"]), "evidence": orjson.loads(row["evidence"])},
    )
