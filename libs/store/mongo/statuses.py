"""Statuses in the ledger's documents: a status is pushed once, and what stands then is the answer."""

from typing import Any

from pymongo import ReturnDocument

from libs.store.mongo.database import Database, Document, ask
from libs.store.progress import Progress
from libs.store.statuses import Known, Told, plain_from, step_from

_AFTER = ReturnDocument.AFTER
_OURS = {"number_id": {"$exists": True}}


class MongoStatuses:
    """`Statuses`."""

    def __init__(self, database: Database) -> None:
        self._entries = database["ledger"]

    async def tell(self, told: Told) -> Known | None:
        """As `Statuses.tell`."""
        where: list[Document] = [{"number_id": told.number_id, "message_id": told.message_id}]
        if told.event_id is not None:
            where.insert(0, {"_id": told.event_id, "number_id": told.number_id})
        for wanted in where:
            known = await self._take(wanted, told)
            if known is not None:
                return known
        return None

    async def of(self, event_id: str) -> Known | None:
        """As `Statuses.of`; a write, so that what it finds has reached a majority."""
        touch = {"$currentDate": {"touched_at": True}}
        found = await ask(self._entries.find_one_and_update({"_id": event_id, **_OURS}, touch, return_document=_AFTER))
        return None if found is None else _known_from(found)

    async def _take(self, wanted: Document, told: Told) -> Known | None:
        step = plain_from(told.step)
        new = {**wanted, "steps.status": {"$ne": told.step.status.value}}
        taken = {"$push": {"steps": {"status": step[0], "at": step[1], "codes": step[2]}}}
        found = await ask(self._entries.find_one_and_update(new, taken, return_document=_AFTER))
        if found is None:
            touch = {"$currentDate": {"touched_at": True}}
            found = await ask(self._entries.find_one_and_update(wanted, touch, return_document=_AFTER))
        if found is None:
            return None
        if found.get("message_id") is None:
            nameless = {"_id": found["_id"], "message_id": None}
            await ask(self._entries.update_one(nameless, {"$set": {"message_id": told.message_id}}))
            found["message_id"] = told.message_id
        return _known_from(found)


def _known_from(document: Document) -> Known:
    steps: list[Any] = [[step["status"], step["at"], step["codes"]] for step in document.get("steps", ())]
    return Known(
        event_id=document["_id"],
        account_id=document.get("account_id"),
        integration_id=document.get("integration_id"),
        number_id=document["number_id"],
        customer_key=document["customer_key"],
        message_id=document.get("message_id"),
        outcome=document.get("outcome"),
        progress=Progress(tuple(map(step_from, steps))),
    )
