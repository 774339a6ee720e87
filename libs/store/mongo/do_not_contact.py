"""`DoNotContactEntries` in MongoDB: documents of `suppressions` that an erasure wrote.

The rule: an account's mark is written before its first entry, and is read by `_id` on the path of a message.
"""

from collections.abc import Collection, Sequence
from typing import Any

from libs.contracts.errors import unavailable
from libs.store.conversations import SuppressionKind
from libs.store.do_not_contact import PREFIX, Standing
from libs.store.erasures import ERASURE_SOURCE, do_not_contact_id
from libs.store.mongo.database import Database, Document, aggregate, run
from libs.store.mongo.suppression_documents import suppression_id

_TRIES = 10
"""How often another process may change an entry between its copy and its deletion."""
_MARK = "left_by_erasures"


def mark_id(account_id: str) -> str:
    """The id of the document that says whether erasures have left suppressions in the account."""
    return f"{account_id}:{_MARK}"


def suppression_ids(account_id: str, names: Collection[str]) -> list[str]:
    """The ids of every kind of suppression under these keys or hashes."""
    return [suppression_id(account_id, name, kind) for name in names for kind in SuppressionKind]


def standing_query(account_id: str, names: Sequence[str]) -> Document:
    """Matches the active suppressions with these ids, and the account's mark."""
    return {"_id": {"$in": [mark_id(account_id), *names]}, "$or": [{"active": True}, {_MARK: True}]}


def standing_from(found: Sequence[Document]) -> Standing:
    """What the documents of `standing_query` say."""
    kinds = [each["_id"].rpartition(":")[2] for each in found]
    return Standing(frozenset(SuppressionKind(kind) for kind in kinds if kind != _MARK), _MARK in kinds)


async def keep(database: Database, account_id: str, hash_: str, document: Document, stop_at: int) -> None:
    """Store the entry of an active suppression under a hash, as of `stop_at`. A repetition changes nothing."""
    await mark(database, account_id)
    kind = document["_id"].rpartition(":")[2]
    name = {"_id": suppression_id(account_id, hash_, SuppressionKind(kind))}
    kept = _entry(account_id, hash_, kind, stop_at)
    await run(database["suppressions"].update_one(name, {"$set": kept}, upsert=True))


async def mark(database: Database, account_id: str) -> None:
    """Say that the account has entries; that stays, also when the last one is lifted."""
    await run(database["suppressions"].update_one({"_id": mark_id(account_id)}, {"$set": {_MARK: True}}, upsert=True))


async def mark_accounts(database: Database) -> None:
    """Write the marks of accounts with entries of earlier releases; part of the migration, safe to repeat."""
    accounts = [{"$match": {"rows.source": ERASURE_SOURCE}}, {"$group": {"_id": "$account_id"}}]
    for account in await aggregate(database["suppressions"], accounts):
        await mark(database, account["_id"])


class MongoDoNotContactEntries:
    """`DoNotContactEntries`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._suppressions = database["suppressions"]

    async def look(self, account_id: str, customer_keys: Collection[str]) -> Standing:
        """As `DoNotContactEntries.look`: one read by `_id`."""
        wanted = standing_query(account_id, suppression_ids(account_id, customer_keys))
        return standing_from(await run(self._suppressions.find(wanted, {"_id": 1}).to_list(None)))

    async def fast_entries(self, limit: int) -> Sequence[tuple[str, str]]:
        """As `DoNotContactEntries.fast_entries`."""
        fast: Any = {"$not": {"$regex": f"^{PREFIX[:-1]}[.]"}}
        found = self._suppressions.find(
            {"rows.source": ERASURE_SOURCE, "customer_key": fast}, {"account_id": 1, "customer_key": 1}
        )
        rows = await run(found.limit(limit).to_list(None))
        return sorted({(row["account_id"], row["customer_key"]) for row in rows})

    async def rehash(self, account_id: str, earlier: str, hash_: str) -> None:
        """As `DoNotContactEntries.rehash`: each document is deleted as it was read."""
        for _ in range(_TRIES):
            found = await run(
                self._suppressions.find({"account_id": account_id, "customer_key": earlier}).to_list(None)
            )
            if not found:
                return
            for document in found:
                if document["active"]:
                    await keep(self._database, account_id, hash_, document, document["stop_at"])
                read = {name: document.get(name) for name in ("active", "id", "stop_at", "lift_at")}
                await run(self._suppressions.delete_one({"_id": document["_id"], **read}))
        raise unavailable("store")


def _entry(account_id: str, hash_: str, kind: str, stop_at: int) -> Document:
    row_id = do_not_contact_id(hash_, kind)
    row = {"id": row_id, "kind": kind, "masked_phone": "", "source": ERASURE_SOURCE, "reason": None, "actor": None}
    return {
        "account_id": account_id,
        "customer_key": hash_,
        "active": True,
        "id": row_id,
        "stop_at": stop_at,
        "rows": [row | {"since": stop_at, "evidence": "{}"}],
    }
