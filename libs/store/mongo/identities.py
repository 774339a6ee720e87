"""`Identities` in MongoDB: one document per customer key, with its partner.

The rule: a link is two documents that are each other's partner. One document alone is no link; the next call for the
pair writes the other one.
"""

from collections.abc import Sequence
from datetime import datetime

from libs.store.identities import Identity
from libs.store.instants import micros_from
from libs.store.mongo.database import DUPLICATE_KEY, Database, Document, run, unless_duplicate


class MongoIdentities:
    """`Identities`."""

    def __init__(self, database: Database) -> None:
        self._identities = database["identities"]

    async def link(self, account_id: str, keys: Sequence[str], at: datetime) -> Identity:
        """As `Identities.link`; a link that is stored already costs one read."""
        if len(keys) == 1:
            return await self._linked(account_id, keys[0])
        first, second = keys
        found = await self._documents(account_id, keys)
        if _mutual(found, first, second) and _merged(found):
            return Identity((first, second))
        when = micros_from(at)
        if any(each["partner"] != _other(keys, key) and each["at"] > when for key, each in found.items()):
            return Identity((first, second))
        for mine, theirs in ((first, second), (second, first)):
            if mine in found and found[mine]["partner"] == theirs:
                continue
            older = {"_id": identity_id(account_id, mine), "$or": [{"at": {"$lte": when}}, {"partner": theirs}]}
            written = {"$set": {"customer_key": mine, "partner": theirs, "at": when, "merged": False}}
            if await unless_duplicate(self._identities.update_one(older, written, upsert=True)) is DUPLICATE_KEY:
                return Identity((first, second))
        return Identity((first, second), merged=False)

    async def mark_merged(self, account_id: str, keys: Sequence[str]) -> None:
        """As `Identities.mark_merged`."""
        for mine in keys:
            pair = {"_id": identity_id(account_id, mine), "partner": _other(keys, mine)}
            await run(self._identities.update_one(pair, {"$set": {"merged": True}}))

    async def _linked(self, account_id: str, key: str) -> Identity:
        mine = (await self._documents(account_id, [key])).get(key)
        if mine is None:
            return Identity((key,))
        partner = mine["partner"]
        both = {key: mine, **await self._documents(account_id, [partner])}
        return Identity((key, partner), _merged(both)) if _mutual(both, key, partner) else Identity((key,))

    async def _documents(self, account_id: str, keys: Sequence[str]) -> dict[str, Document]:
        named = {"_id": {"$in": [identity_id(account_id, key) for key in keys]}}
        found = await run(self._identities.find(named).to_list(None))
        return {each["customer_key"]: each for each in found}


def identity_id(account_id: str, key: str) -> str:
    """The id of the document of an account's customer key."""
    return f"{account_id}:{key}"


def _other(keys: Sequence[str], key: str) -> str:
    return next(each for each in keys if each != key)


def _merged(found: dict[str, Document]) -> bool:
    return all(each["merged"] for each in found.values())


def _mutual(found: dict[str, Document], first: str, second: str) -> bool:
    return (
        first in found and second in found and found[first]["partner"] == second and found[second]["partner"] == first
    )
