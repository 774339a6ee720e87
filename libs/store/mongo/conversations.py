"""`Conversations` in MongoDB: one document per number and customer. Both times only grow, so order does not matter."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime

from libs.store.conversations import Conversation, conversation_from
from libs.store.inbound_messages import InboundMessage
from libs.store.instants import micros_from
from libs.store.mongo.database import Database, Document, run
from libs.store.mongo.inbound_messages import add_message


def conversation_id(number_id: str, customer_key: str) -> str:
    """The id of the document of a number and a customer."""
    return f"{number_id}:{customer_key}"


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
        self._numbers = database["numbers"]
        self._messages = database["inbound_messages"]

    async def open_window(
        self, number_id: str, customer_keys: Sequence[str], at: datetime, *, message: InboundMessage | None = None
    ) -> None:
        """As `Conversations.open_window`; repeating it after a failure writes the rest."""
        writes = [self._raise(number_id, key, "last_inbound_at", at) for key in customer_keys]
        if message is not None:
            writes.append(add_message(self._messages, message))
        await asyncio.gather(*writes)

    async def join_windows(self, account_id: str, customer_keys: Sequence[str], main_key: str) -> None:
        """As `Conversations.join_windows`; repeating it after a failure joins the rest."""
        for number in await run(self._numbers.find({"account_id": account_id}, {"_id": 1}).to_list(None)):
            ids = [conversation_id(number["_id"], key) for key in customer_keys]
            found = await run(self._conversations.find({"_id": {"$in": ids}}).to_list(None))
            fields = {name for each in found for name in ("last_inbound_at", "closed_at") if name in each}
            times = {name: max(each[name] for each in found if name in each) for name in fields}
            if times:
                main = {"_id": conversation_id(number["_id"], main_key)}
                await run(self._conversations.update_one(main, {"$max": times}, upsert=True))

    async def close_window(self, number_id: str, customer_key: str, at: datetime) -> None:
        """As `Conversations.close_window`."""
        await self._raise(number_id, customer_key, "closed_at", at)

    async def _raise(self, number_id: str, customer_key: str, field: str, at: datetime) -> None:
        update = {"$max": {field: micros_from(at)}}
        await run(
            self._conversations.update_one({"_id": conversation_id(number_id, customer_key)}, update, upsert=True)
        )
