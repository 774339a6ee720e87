"""`PersonalData` in MongoDB: one operation per document, each safe to repeat."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from libs.contracts.errors import unavailable
from libs.store.claim_rules import State, bucket_id
from libs.store.consent_rows import exported_from as exported_consents
from libs.store.erasures import (
    Erasure,
    StoredPersonalData,
    holds_a_number,
    start_of_day,
    without_masked_phone,
    without_message_ids,
)
from libs.store.forwards import ForwardState
from libs.store.instants import instant_from, micros_from, optional_instant_from
from libs.store.mongo.approvals import empty_approvals
from libs.store.mongo.consents import MongoConsents
from libs.store.mongo.database import Database, Document, run
from libs.store.mongo.do_not_contact import keep
from libs.store.mongo.leases import lease_runs
from libs.store.mongo.ledger import NAMELESS
from libs.store.mongo.suppression_documents import suppressions_in
from libs.store.restriction_rows import exported_from

_TRIES = 10
"""How often another process may change a suppression between its copy and its deletion."""
_WINDOW_TIMES = ("last_inbound_at", "closed_at")


class MongoPersonalData:
    """`PersonalData`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, account_id: str, customer_keys: Collection[str]) -> StoredPersonalData:
        """As `PersonalData.find`."""
        database, person = self._database, _person(account_id, customer_keys)
        pairs = await self._pairs(account_id, customer_keys)
        windows = await run(database["conversations"].find({"_id": {"$in": pairs}}).to_list(None))
        suppressions = await run(database["suppressions"].find(person).to_list(None))
        standing = database["restrictions"].find({**person, "active": True}).sort("since", 1)
        restrictions = await run(standing.to_list(None))
        messages = await run(database["ledger"].find(person).sort("touched_at", 1).to_list(None))
        return StoredPersonalData(
            windows=[{"number_id": each["_id"].rpartition(":")[0], **_times(each, _WINDOW_TIMES)} for each in windows],
            suppressions=[_json_from(row) for each in suppressions for row in suppressions_in(each)],
            restrictions=[exported_from(each) for each in restrictions],
            consents=exported_consents(await MongoConsents(database).of_customer(account_id, customer_keys)),
            messages=[
                {
                    "event_id": each["_id"],
                    **{name: each.get(name) for name in ("number_id", "state", "message_id")},
                    **_times(each, ("at",)),
                }
                for each in messages
            ],
        )

    async def in_flight(self, account_id: str, customer_keys: Collection[str], now: datetime) -> bool:
        """As `PersonalData.in_flight`: first the calls are marked, so that none ends unmarked after the look."""
        called = {**_person(account_id, customer_keys), "state": State.CALLING.value}
        await run(self._database["ledger"].update_many(called, {"$set": {"erased": True}}))
        running = {**_person(account_id, customer_keys), "until": lease_runs(now)}
        states = {"ledger": State.CALLING.value, "forwards": ForwardState.TRYING.value}
        found = [await run(self._database[name].find_one({**running, "state": each})) for name, each in states.items()]
        return any(each is not None for each in found)

    async def erase(
        self, erasure: Erasure, *, event_ids: Collection[str], dead_letters: Collection[str]
    ) -> Mapping[str, int]:
        """As `PersonalData.erase`."""
        database, person = self._database, _person(erasure.account_id, erasure.customer_keys)
        for collection in ("suppressions", "consents", "restrictions"):
            if await run(database[collection].find_one({**person, "outbox.0": {"$exists": True}})) is not None:
                raise unavailable("broker")
        pairs = await self._pairs(erasure.account_id, erasure.customer_keys)
        keys = list(erasure.customer_keys)
        known = await run(database["ledger"].find(person, {"_id": 1}).to_list(None))
        events = sorted({*event_ids, *(each["_id"] for each in known)})
        ends = "|".join(re.escape(key) for key in keys)
        links = {
            "_id": {"$regex": f"^{re.escape(erasure.account_id)}:"},
            "$or": [{"customer_key": {"$in": keys}}, {"partner": {"$in": keys}}],
        }
        either = [{"customer_key": {"$in": keys}}, {"main_key": {"$in": keys}}]
        joined = {"account_id": erasure.account_id, "$or": either}
        await empty_approvals(database, erasure.account_id, erasure.customer_keys)
        await self._delete("template_recipients", person)
        await self._delete("inbound_messages", person)
        await self._delete("pseudo_numbers", person)
        await self._delete("chat_refusals", person)
        await self._anonymize_decisions(events)
        lifted = {**_person(erasure.account_id, erasure.fast_hashes), "active": False}
        await self._delete("suppressions", lifted)
        await self._delete("turns", {"_id": {"$in": pairs}})
        await self._delete("cooldowns", {"_id": {"$regex": f":({ends})$"}})
        numbers = {"_id": {"$in": [bucket_id("number", pair.rpartition(":")[0]) for pair in pairs]}}
        await run(database["buckets"].update_many(numbers, {"$pull": {"pairs": {"key": {"$in": keys}}}}))
        return {
            "suppressions": await self._erase_suppressions(erasure),
            "windows": await self._delete("conversations", {"_id": {"$in": pairs}}),
            "restrictions": await self._delete("restrictions", person),
            "consents": await self._delete("consents", person),
            "links": await self._delete("identities", links) + await self._delete("customer_links", joined),
            "dead_letters": await self._delete("dead_letters", {"_id": {"$in": list(dead_letters)}}),
            "messages": await self._anonymize_messages(events),
            "forwards": await self._anonymize_forwards(person, events),
            "answers": await self._anonymize_answers(events),
        }

    async def _pairs(self, account_id: str, customer_keys: Collection[str]) -> list[str]:
        numbers = await run(self._database["numbers"].find({"account_id": account_id}, {"_id": 1}).to_list(None))
        return [f"{number['_id']}:{key}" for number in numbers for key in customer_keys]

    async def _erase_suppressions(self, erasure: Erasure) -> int:
        """Move each active suppression to the customer's do-not-contact hash, and delete the rest.

        A document is deleted as it was read: an opt-out that arrives in between is moved by the next look.
        """
        suppressions, removed = self._database["suppressions"], 0
        hashes = dict(zip(erasure.customer_keys, erasure.do_not_contact, strict=True))
        person = _person(erasure.account_id, erasure.customer_keys)
        for _ in range(_TRIES):
            found = await run(suppressions.find(person).to_list(None))
            if not found:
                return removed
            for document in found:
                if document["active"]:
                    day = micros_from(start_of_day(instant_from(document["stop_at"])))
                    hash_ = hashes[document["customer_key"]]
                    await keep(self._database, erasure.account_id, hash_, document, day)
                read = {name: document.get(name) for name in ("active", "id", "stop_at", "lift_at")}
                deleted = await run(suppressions.delete_one({"_id": document["_id"], **read}))
                removed += deleted.deleted_count if document.get("rows") else 0
        raise unavailable("store")

    async def _delete(self, collection: str, wanted: Document) -> int:
        deleted = await run(self._database[collection].delete_many(wanted))
        return int(deleted.deleted_count)

    async def _anonymize_messages(self, events: Sequence[str]) -> int:
        ledger, changed = self._database["ledger"], 0
        named = {"_id": {"$in": list(events)}, "$or": [{"customer_key": {"$gt": ""}}, {"message_id": {"$ne": None}}]}
        for entry in await run(ledger.find(named).to_list(None)):
            bare: Document = {**NAMELESS}
            if "outcome" in entry:
                bare["outcome"] = without_message_ids(entry["outcome"])
            await run(ledger.update_one({"_id": entry["_id"]}, {"$set": bare}))
            changed += 1
        return changed

    async def _anonymize_forwards(self, person: Document, events: Sequence[str]) -> int:
        by_id = {"_id": {"$in": list(events)}, "account_id": person["account_id"], "masked_phone": {"$ne": None}}
        bare = {"$set": {"masked_phone": None, "customer_key": None}}
        changed = await run(self._database["forwards"].update_many({"$or": [person, by_id]}, bare))
        return int(changed.modified_count)

    async def _anonymize_answers(self, events: Sequence[str]) -> int:
        """Remove message ids from answers, and the digest of the body; a key that may hold the phone goes whole."""
        keys, changed = self._database["idempotency"], 0
        for kept in await run(keys.find({"event_id": {"$in": list(events)}}).to_list(None)):
            cleaned = without_message_ids(kept.get("answer"))
            changed += cleaned != kept.get("answer")
            if holds_a_number(str(kept["_id"]).partition(":")[2]):
                await run(keys.delete_one({"_id": kept["_id"]}))
            else:
                bare = {"body_hash": ""} | ({"answer": cleaned} if "answer" in kept else {})
                await run(keys.update_one({"_id": kept["_id"]}, {"$set": bare}))
        return changed

    async def _anonymize_decisions(self, events: Sequence[str]) -> None:
        decisions = self._database["decisions"]
        decided = {"_id": {"$in": list(events)}, "outcome": {"$exists": True}}
        for made in await run(decisions.find(decided, {"outcome": 1}).to_list(None)):
            bare = without_masked_phone(made["outcome"])
            if bare != made["outcome"]:
                await run(decisions.update_one({"_id": made["_id"]}, {"$set": {"outcome": bare}}))


def _person(account_id: str, customer_keys: Collection[str]) -> Document:
    return {"account_id": account_id, "customer_key": {"$in": list(customer_keys)}}


def _json_from(row: Any) -> dict[str, Any]:
    names = ("id", "kind", "source", "reason", "actor", "since", "masked_phone", "evidence", "active")
    return {name: getattr(row, name) for name in names} | {"kind": row.kind.value}


def _times(document: Document, names: Sequence[str]) -> dict[str, Any]:
    return {name: optional_instant_from(document.get(name)) for name in names}
