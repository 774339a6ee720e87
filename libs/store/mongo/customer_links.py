"""`CustomerLinks` in MongoDB: one document per linked key.

The rule: a document refers to a main key only after that key has a document of its own. `join` writes in this order:
the main key's document, the key's own one, then those that follow it; a repetition after a crash writes the rest.
`rekey` writes the successor's documents before it deletes the former ones.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from uuid import UUID, uuid5

from libs.contracts.errors import unavailable
from libs.store.conversations import SuppressionKind
from libs.store.customer_links import CustomerLink, Relation
from libs.store.instants import instant_from, micros_from, optional_instant_from
from libs.store.mongo.consents import MongoConsents
from libs.store.mongo.conversations import conversation_id
from libs.store.mongo.database import Database, Document, run, unless_duplicate
from libs.store.mongo.suppression_documents import suppression_id, suppressions_in
from libs.store.mongo.suppressions import MongoSuppressions

_MOVED = UUID("5a0c8a5e-8a27-5a0e-9a8b-3f1f6a1d7c44")
"""The UUID namespace of suppressions that were moved to another key: one is moved once."""


class MongoCustomerLinks:
    """`CustomerLinks`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._links = database["customer_links"]

    async def find(self, account_id: str, customer_keys: Collection[str]) -> Sequence[CustomerLink]:
        """As `CustomerLinks.find`; two reads, since a customer with one key has no document."""
        named = {"_id": {"$in": [link_id(account_id, key) for key in sorted(customer_keys)]}}
        mains = sorted({each["main_key"] for each in await run(self._links.find(named).to_list(None))})
        if not mains:
            return []
        group = {"account_id": account_id, "main_key": {"$in": mains}}
        return [link_from(each) for each in await run(self._links.find(group).to_list(None))]

    async def join(self, account_id: str, key: str, main_key: str, relation: Relation, at: datetime) -> bool:
        """As `CustomerLinks.join`."""
        stored = await run(self._links.find_one({"_id": link_id(account_id, main_key)}))
        main, when = stored["main_key"] if stored else main_key, micros_from(at)
        group = {"account_id": account_id, "main_key": main}
        rivals = {**group, "relation": Relation.USER_ID.value, "customer_key": {"$ne": key}}
        if main == key:
            return False  # a key that stands for others is not put under one of them
        if relation is Relation.USER_ID and await run(self._links.find_one({**rivals, "linked_at": {"$gt": when}})):
            return False
        await self._add(account_id, main)
        await self._add(account_id, key)
        older = {"$or": [{"linked_at": {"$lte": when}}, {"main_key": main}], "_id": link_id(account_id, key)}
        linked = {"$set": {"main_key": main, "relation": relation.value}, "$max": {"linked_at": when}}
        if not (await run(self._links.update_one(older, linked))).matched_count:
            return False
        followers = {"account_id": account_id, "main_key": key}
        await run(self._links.update_many(followers, {"$set": {"main_key": main}}))
        await self._keep_newest_user_id(account_id, main, key)
        return True

    async def leave(self, account_id: str, alias: str, at: datetime) -> None:
        """As `CustomerLinks.leave`."""
        linked = {"relation": Relation.ALIAS.value, "linked_at": {"$lte": micros_from(at)}}
        alone = {
            "$set": {"main_key": alias, "relation": Relation.MAIN.value},
            "$unset": {"contact": "", "contact_at": ""},
        }
        await run(self._links.update_one({"_id": link_id(account_id, alias), **linked}, alone))

    async def keep_contact(self, account_id: str, customer_key: str, contact: str, at: datetime) -> None:
        """As `CustomerLinks.keep_contact`."""
        await self._add(account_id, customer_key)
        when = micros_from(at)
        older = {"_id": link_id(account_id, customer_key), "contact_at": {"$not": {"$gt": when}}}
        await run(self._links.update_one(older, {"$set": {"contact": contact, "contact_at": when}}))

    async def rekey(self, account_id: str, former_key: str, customer_key: str) -> bool:
        """As `CustomerLinks.rekey`."""
        windows = await self._move_windows(account_id, former_key, customer_key)
        suppressions = [await self._move_suppressions(account_id, former_key, customer_key, k) for k in SuppressionKind]
        consents = await MongoConsents(self._database).move(account_id, former_key, customer_key)
        links = await self._move_identity(account_id, former_key, customer_key)
        return windows or any(suppressions) or consents or links

    async def _add(self, account_id: str, key: str) -> None:
        alone = {"account_id": account_id, "customer_key": key, "main_key": key, "relation": Relation.MAIN.value}
        new = {"$setOnInsert": {**alone, "linked_at": 0}}
        await unless_duplicate(self._links.update_one({"_id": link_id(account_id, key)}, new, upsert=True))

    async def _keep_newest_user_id(self, account_id: str, main: str, key: str) -> None:
        """Detach the user ids that the customer had before the newest one."""
        users = {"account_id": account_id, "main_key": main, "relation": Relation.USER_ID.value}
        found = await run(self._links.find(users).to_list(None))
        newest = max(found, key=lambda each: (each["linked_at"], each["customer_key"] == key), default=None)
        for each in found:
            if each is not newest:
                alone = {"main_key": each["customer_key"], "relation": Relation.MAIN.value}
                detached = {"$set": alone, "$unset": {"contact": "", "contact_at": ""}}
                await run(self._links.update_one({"_id": each["_id"], "main_key": main}, detached))

    async def _move_windows(self, account_id: str, former: str, key: str) -> bool:
        numbers = await run(self._database["numbers"].find({"account_id": account_id}, {"_id": 1}).to_list(None))
        conversations = self._database["conversations"]
        ids = {conversation_id(each["_id"], former): conversation_id(each["_id"], key) for each in numbers}
        found = await run(conversations.find({"_id": {"$in": sorted(ids)}}).to_list(None))
        for each in found:
            times = {name: each[name] for name in ("last_inbound_at", "closed_at") if name in each}
            await run(conversations.update_one({"_id": ids[each["_id"]]}, {"$max": times}, upsert=True))
            await run(conversations.delete_one({"_id": each["_id"], **times}))
        return bool(found)

    async def _move_suppressions(self, account_id: str, former: str, key: str, kind: SuppressionKind) -> bool:
        suppressions = self._database["suppressions"]
        name = {"_id": suppression_id(account_id, former, kind)}
        found = await run(suppressions.find_one(name))
        if found is None:
            return False
        if found.get("outbox"):
            raise unavailable("broker")  # its events name the former key, and must be published first
        port = MongoSuppressions(self._database)
        if (lift_at := found.get("lift_at")) is not None:
            opt_in = partial(port.lift, kind=kind, at=instant_from(lift_at), deduplication_key=f"rekey:{former}")
            await opt_in(account_id=account_id, customer_key=key, events=())
        if found["active"]:
            standing = next(row for row in suppressions_in(found) if row.active)
            moved = replace(standing, id=f"sup_{uuid5(_MOVED, f'{standing.id}:{key}').hex}", customer_key=key)
            await port.suppress(moved, ())
        unchanged = {field: found.get(field) for field in ("active", "stop_at", "lift_at") if field in found}
        await run(suppressions.delete_one({**name, **unchanged, "outbox.0": {"$exists": False}}))
        return True

    async def _move_identity(self, account_id: str, former: str, key: str) -> bool:
        identities = self._database["identities"]
        found = await run(identities.find_one({"_id": link_id(account_id, former)}))
        if found is None:
            return False
        partner = found["partner"]
        fields = {"customer_key": key, **{name: found[name] for name in ("partner", "at", "merged")}}
        target = {"_id": link_id(account_id, key)}
        await unless_duplicate(identities.update_one(target, {"$setOnInsert": fields}, upsert=True))
        back = {"_id": link_id(account_id, partner), "partner": former}
        await run(identities.update_one(back, {"$set": {"partner": key}}))
        await run(identities.delete_one({"_id": link_id(account_id, former)}))
        return True


def link_id(account_id: str, key: str) -> str:
    """The id of the document of one account's customer key."""
    return f"{account_id}:{key}"


def link_from(document: Document) -> CustomerLink:
    """The link in a document."""
    return CustomerLink(
        customer_key=document["customer_key"],
        main_key=document["main_key"],
        relation=Relation(document["relation"]),
        contact=document.get("contact"),
        contact_at=optional_instant_from(document.get("contact_at")),
    )
