"""`Customers` in MongoDB: one aggregation over identities, suppressions and the conversations of all numbers."""

from collections.abc import Collection

from libs.store.conversations import SuppressionKind
from libs.store.mongo.conversations import conversation_id
from libs.store.mongo.customer_links import link_id
from libs.store.mongo.database import Database, Document, aggregate
from libs.store.mongo.identities import identity_id
from libs.store.mongo.suppression_documents import suppression_id


class MongoCustomers:
    """`Customers`."""

    def __init__(self, database: Database) -> None:
        self._identities = database["identities"]

    async def known(self, account_id: str, customer_keys: Collection[str]) -> frozenset[str]:
        """As `Customers.known`."""
        keys = sorted(customer_keys)
        identities = [identity_id(account_id, key) for key in keys]
        links = [link_id(account_id, key) for key in keys]
        suppressions = [suppression_id(account_id, key, kind) for key in keys for kind in SuppressionKind]
        lifted_only = {"id": {"$exists": False}}
        pipeline: list[Document] = [
            {"$match": {"_id": {"$in": identities}}},
            _union("customer_links", [{"$match": {"_id": {"$in": links}}}]),
            _union("suppressions", [{"$match": {"_id": {"$in": suppressions}, "$nor": [lifted_only]}}]),
            _union("numbers", _conversations(account_id, keys)),
            {"$project": {"_id": 0, "customer_key": 1}},
        ]
        return frozenset(row["customer_key"] for row in await aggregate(self._identities, pipeline))


def _conversations(account_id: str, keys: list[str]) -> list[Document]:
    """The keys that have a conversation with a number of the account; each conversation is found by its id."""
    each = [{"customer_key": key, "id": {"$concat": ["$_id", conversation_id("", key)]}} for key in keys]
    found = {"from": "conversations", "localField": "pair.id", "foreignField": "_id", "as": "found"}
    return [
        {"$match": {"account_id": account_id}},
        {"$project": {"pair": each}},
        {"$unwind": "$pair"},
        {"$lookup": found},
        {"$match": {"found": {"$ne": []}}},
        {"$project": {"customer_key": "$pair.customer_key"}},
    ]


def _union(collection: str, pipeline: list[Document]) -> Document:
    return {"$unionWith": {"coll": collection, "pipeline": pipeline}}
