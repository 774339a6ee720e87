"""Erasing in MongoDB: one operation for each document, each safe to repeat; the job is there until all are done."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from libs.contracts.errors import unavailable
from libs.store.claiming import bucket_id
from libs.store.conversations import SuppressionKind
from libs.store.erasing import Erasure, Traces, anonymous, day_of, job_from, job_text, unnamed_id
from libs.store.mongo.conversations import suppression_id
from libs.store.mongo.conversations import suppressions_in as rows_in
from libs.store.mongo.database import Database, Document, ask, datetime_from, micros_from
from libs.store.mongo.outbox import entries_from
from libs.store.outbox import Posted

_KEPT_WINDOW = ("last_inbound_at", "closed_at")


class MongoErasures:
    """`Erasures`."""

    def __init__(self, database: Database) -> None:
        self._erasures = database["erasures"]
        self._notes = database["notes"]

    async def begin(self, erasure: Erasure) -> None:
        """As `Erasures.begin`."""
        at = micros_from(erasure.asked_at)
        await ask(self._erasures.insert_one({"_id": erasure.id, "at": at, "body": job_text(erasure)}))

    async def unfinished(self, limit: int) -> Sequence[Erasure]:
        """As `Erasures.unfinished`."""
        found = self._erasures.find({"body": {"$ne": None}}).sort([("at", 1), ("_id", 1)]).limit(limit)
        return [job_from(each["body"]) for each in await ask(found.to_list(None))]

    async def finish(self, erasure_id: str, events: Sequence[Posted]) -> bool:
        """As `Erasures.finish`: the job becomes the carrier of its events, and goes once they are published."""
        done = {"$set": {"body": None}, "$push": {"outbox": {"$each": entries_from(events)}}}
        finished = await ask(self._erasures.update_one({"_id": erasure_id, "body": {"$ne": None}}, done))
        return bool(finished.matched_count)


class MongoPeople:
    """`People`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def held(self, account_id: str, customer_keys: Collection[str]) -> Traces:
        """As `People.held`."""
        database, person = self._database, _of(account_id, customer_keys)
        pairs = await self._pairs(account_id, customer_keys)
        windows = await ask(database["conversations"].find({"_id": {"$in": pairs}}).to_list(None))
        suppressions = await ask(database["suppressions"].find(person).to_list(None))
        messages = await ask(database["ledger"].find(person).sort("touched_at", 1).to_list(None))
        return Traces(
            windows=[{"number_id": each["_id"].rpartition(":")[0], **_times(each, _KEPT_WINDOW)} for each in windows],
            suppressions=[_shown(row) for each in suppressions for row in rows_in(each)],
            messages=[
                {
                    "event_id": each["_id"],
                    **{name: each.get(name) for name in ("number_id", "state", "message_id")},
                    **_times(each, ("at",)),
                }
                for each in messages
            ],
        )

    async def remove(
        self, erasure: Erasure, *, event_ids: Collection[str], dead_letters: Collection[str]
    ) -> Mapping[str, int]:
        """As `People.remove`."""
        database, person = self._database, _of(erasure.account_id, erasure.customer_keys)
        if await ask(database["suppressions"].find_one({**person, "outbox.0": {"$exists": True}})) is not None:
            raise unavailable("broker")
        pairs = await self._pairs(erasure.account_id, erasure.customer_keys)
        keys = list(erasure.customer_keys)
        known = await ask(database["ledger"].find(person, {"_id": 1}).to_list(None))
        events = sorted({*event_ids, *(each["_id"] for each in known)})
        await self._unname(erasure)
        ends = "|".join(re.escape(key) for key in keys)
        links = {
            "_id": {"$regex": f"^{re.escape(erasure.account_id)}:"},
            "$or": [{"customer_key": {"$in": keys}}, {"partner": {"$in": keys}}],
        }
        await self._gone("turns", {"_id": {"$in": pairs}})
        await self._gone("cooldowns", {"_id": {"$regex": f":({ends})$"}})
        await self._gone("buckets", {"_id": {"$in": [bucket_id("pair", pair) for pair in pairs]}})
        suppressions = await self._gone("suppressions", {**person, "rows.0": {"$exists": True}})
        await self._gone("suppressions", person)  # words that lifted nothing
        return {
            "suppressions": suppressions,
            "windows": await self._gone("conversations", {"_id": {"$in": pairs}}),
            "links": await self._gone("identities", links),
            "dead_letters": await self._gone("dead_letters", {"_id": {"$in": list(dead_letters)}}),
            "messages": await self._anonymous_messages(events),
            "forwards": await self._anonymous_forwards(erasure.account_id, events),
            "answers": await self._anonymous_answers(events),
        }

    async def _pairs(self, account_id: str, customer_keys: Collection[str]) -> list[str]:
        numbers = await ask(self._database["numbers"].find({"account_id": account_id}, {"_id": 1}).to_list(None))
        return [f"{number['_id']}:{key}" for number in numbers for key in customer_keys]

    async def _unname(self, erasure: Erasure) -> None:
        """Let each active suppression stay under its do-not-contact key."""
        suppressions = self._database["suppressions"]
        for key, unnamed in zip(erasure.customer_keys, erasure.do_not_contact, strict=True):
            active = {**_of(erasure.account_id, [key]), "active": True}
            for document in await ask(suppressions.find(active).to_list(None)):
                kind = document["_id"].rpartition(":")[2]
                name = suppression_id(erasure.account_id, unnamed, SuppressionKind(kind))
                stays = _unnamed(erasure.account_id, unnamed, kind, document["stop_at"])
                await ask(suppressions.update_one({"_id": name}, {"$set": stays}, upsert=True))

    async def _gone(self, collection: str, wanted: Document) -> int:
        deleted = await ask(self._database[collection].delete_many(wanted))
        return int(deleted.deleted_count)

    async def _anonymous_messages(self, events: Sequence[str]) -> int:
        ledger, changed = self._database["ledger"], 0
        named = {"_id": {"$in": list(events)}, "$or": [{"customer_key": {"$gt": ""}}, {"message_id": {"$ne": None}}]}
        for entry in await ask(ledger.find(named).to_list(None)):
            bare: Document = {"customer_key": "", "message_id": None}
            if "outcome" in entry:
                bare["outcome"] = anonymous(entry["outcome"])
            await ask(ledger.update_one({"_id": entry["_id"]}, {"$set": bare}))
            changed += 1
        return changed

    async def _anonymous_forwards(self, account_id: str, events: Sequence[str]) -> int:
        named = {"_id": {"$in": list(events)}, "account_id": account_id, "masked_phone": {"$ne": None}}
        changed = await ask(self._database["forwards"].update_many(named, {"$set": {"masked_phone": None}}))
        return int(changed.modified_count)

    async def _anonymous_answers(self, events: Sequence[str]) -> int:
        keys, changed = self._database["idempotency"], 0
        answered = {"event_id": {"$in": list(events)}, "answer": {"$exists": True}}
        for kept in await ask(keys.find(answered).to_list(None)):
            cleaned = anonymous(kept["answer"])
            if cleaned != kept["answer"]:
                await ask(keys.update_one({"_id": kept["_id"]}, {"$set": {"answer": cleaned}}))
                changed += 1
        return changed


def _of(account_id: str, customer_keys: Collection[str]) -> Document:
    return {"account_id": account_id, "customer_key": {"$in": list(customer_keys)}}


def _unnamed(account_id: str, unnamed: str, kind: str, stop_at: int) -> Document:
    day = micros_from(day_of(datetime_from(stop_at)))
    row_id = unnamed_id(unnamed, kind)
    row = {"id": row_id, "kind": kind, "masked_phone": "", "source": "erasure", "reason": None, "actor": None}
    return {
        "account_id": account_id,
        "customer_key": unnamed,
        "active": True,
        "id": row_id,
        "stop_at": day,
        "rows": [row | {"since": day, "evidence": "{}"}],
    }


def _shown(row: Any) -> dict[str, Any]:
    names = ("id", "kind", "source", "reason", "actor", "since", "masked_phone", "evidence", "active")
    return {name: getattr(row, name) for name in names} | {"kind": row.kind.value}


def _times(document: Document, names: Sequence[str]) -> dict[str, Any]:
    return {name: None if document.get(name) is None else datetime_from(document[name]) for name in names}
