"""`InboundMessages` in MongoDB; `MongoConversations` writes the documents."""

from collections.abc import Collection
from datetime import datetime

from pymongo import DESCENDING

from libs.store.inbound_messages import InboundMessage
from libs.store.instants import instant_from, micros_from
from libs.store.mongo.database import TOUCH, Database, Document, run
from libs.store.mongo.database import Collection as MongoCollection

_FIELDS = ("message_hash", "account_id", "number_id", "customer_key", "sealed_message_id")


async def add_message(collection: MongoCollection, message: InboundMessage) -> None:
    """Write the document of a message; a repetition changes nothing but its time to live."""
    fields = {name: getattr(message, name) for name in _FIELDS} | {"at": micros_from(message.at)}
    await run(collection.update_one({"_id": message.event_id}, {"$setOnInsert": fields, **TOUCH}, upsert=True))


class MongoInboundMessages:
    """`InboundMessages`."""

    def __init__(self, database: Database) -> None:
        self._messages = database["inbound_messages"]

    async def find(self, reference: str) -> InboundMessage | None:
        """As `InboundMessages.find`."""
        found = await run(self._messages.find_one({"$or": [{"_id": reference}, {"message_hash": reference}]}))
        return None if found is None else _message_from(found)

    async def newest(self, number_id: str, customer_keys: Collection[str], *, until: datetime) -> InboundMessage | None:
        """As `InboundMessages.newest`: the customer's documents, by index."""
        wanted = {
            "customer_key": {"$in": list(customer_keys)},
            "number_id": number_id,
            "at": {"$lte": micros_from(until)},
        }
        found = await run(self._messages.find_one(wanted, sort=[("at", DESCENDING)]))
        return None if found is None else _message_from(found)


def _message_from(found: Document) -> InboundMessage:
    fields = {name: found[name] for name in _FIELDS}
    return InboundMessage(event_id=found["_id"], at=instant_from(found["at"]), **fields)
