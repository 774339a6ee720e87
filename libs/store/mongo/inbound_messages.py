"""`InboundMessages` in MongoDB; `MongoConversations` writes the documents."""

from typing import Any

from libs.store.inbound_messages import InboundMessage
from libs.store.instants import instant_from, micros_from
from libs.store.mongo.database import TOUCH, Collection, Database, run

_FIELDS = ("message_hash", "account_id", "number_id", "customer_key", "sealed_message_id")


async def add_message(collection: Collection, message: InboundMessage) -> None:
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
        if found is None:
            return None
        fields: dict[str, Any] = {name: found[name] for name in _FIELDS}
        return InboundMessage(event_id=found["_id"], at=instant_from(found["at"]), **fields)
