"""`Statuses` in MongoDB, in the ledger's documents: a status is pushed once, and the updated document is the result."""

from typing import Any

from libs.store.mongo.database import AFTER, TOUCH, Database, Document, run
from libs.store.progress import Progress
from libs.store.statuses import StatusUpdate, TrackedMessage, json_from_step, step_from_json

_CALLED = {"number_id": {"$exists": True}}
"""Entries of messages; an event that was finished without a claim has no number."""
_FIELDS = ("account_id", "integration_id", "number_id", "customer_key", "message_id", "outcome", "fallback", "contact")


class MongoStatuses:
    """`Statuses`."""

    def __init__(self, database: Database) -> None:
        self._entries = database["ledger"]

    async def apply(self, update: StatusUpdate) -> TrackedMessage | None:
        """As `Statuses.apply`."""
        where: list[Document] = [{"number_id": update.number_id, "message_id": update.message_id}]
        if update.event_id is not None:
            where.insert(0, {"_id": update.event_id, "number_id": update.number_id})
        for wanted in where:
            message = await self._apply(wanted, update)
            if message is not None:
                return message
        return None

    async def find(self, event_id: str) -> TrackedMessage | None:
        """As `Statuses.find`; a write, so that what it finds has reached a majority."""
        wanted = {"_id": event_id, **_CALLED}
        found = await run(self._entries.find_one_and_update(wanted, TOUCH, return_document=AFTER))
        return None if found is None else _message_from(found)

    async def find_message(self, number_id: str, message_id: str) -> TrackedMessage | None:
        """As `Statuses.find_message`."""
        found = await run(self._entries.find_one({"message_id": message_id, "number_id": number_id}))
        return None if found is None else _message_from(found)

    async def _apply(self, wanted: Document, update: StatusUpdate) -> TrackedMessage | None:
        status, at, codes = json_from_step(update.step)
        new = {**wanted, "steps.status": {"$ne": status}}
        if update.follows is not None:
            new["steps.status"]["$eq"] = update.follows.value
        push: Document = {"$push": {"steps": {"status": status, "at": at, "codes": codes}}}
        if update.step.status.reached:
            push["$set"] = {"fallback": None}
        found = await run(self._entries.find_one_and_update(new, push, return_document=AFTER))
        if found is None:
            found = await run(self._entries.find_one_and_update(wanted, TOUCH, return_document=AFTER))
        if found is None:
            return None
        if found.get("message_id") is None and any(step["status"] == status for step in found.get("steps", ())):
            without_id = {"_id": found["_id"], "message_id": None}
            await run(self._entries.update_one(without_id, {"$set": {"message_id": update.message_id}}))
            found["message_id"] = update.message_id
        return _message_from(found)


def _message_from(document: Document) -> TrackedMessage:
    steps: list[Any] = [[step["status"], step["at"], step["codes"]] for step in document.get("steps", ())]
    fields: dict[str, Any] = {name: document.get(name) for name in _FIELDS}
    return TrackedMessage(event_id=document["_id"], progress=Progress(tuple(map(step_from_json, steps))), **fields)
