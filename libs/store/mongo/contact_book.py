"""`ContactBook` in MongoDB: one document for each deletion; one that has ended has no `due_at`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from libs.store.contact_book import ContactBookDeletion, DeletionStatus
from libs.store.instants import instant_from, micros_from
from libs.store.mongo.database import TOUCH, Database, Document, run

_FIELDS: Final = ("erasure_id", "account_id", "number_id", "sealed_user_id", "tries", "problem")


class MongoContactBook:
    """`ContactBook`."""

    def __init__(self, database: Database) -> None:
        self._deletions = database["contact_book_deletions"]

    async def request(self, deletions: Sequence[ContactBookDeletion]) -> None:
        """As `ContactBook.request`: one write for each; a process that dies in between repeats them."""
        for each in deletions:
            at = micros_from(each.at)
            fields = {name: getattr(each, name) for name in _FIELDS}
            row = fields | {"status": each.status.value, "at": at, "due_at": at}
            await run(self._deletions.update_one({"_id": each.id}, {"$setOnInsert": row, **TOUCH}, upsert=True))

    async def due(self, now: datetime, limit: int) -> Sequence[ContactBookDeletion]:
        """As `ContactBook.due`."""
        wanted = {"due_at": {"$lte": micros_from(now)}}
        found = await run(self._deletions.find(wanted).sort("due_at", 1).limit(limit).to_list(None))
        return [_deletion_from(each) for each in found]

    async def take(self, deletion_id: str, *, now: datetime, until: datetime) -> bool:
        """As `ContactBook.take`."""
        due = {"_id": deletion_id, "due_at": {"$lte": micros_from(now)}}
        update = {"$set": {"due_at": micros_from(until)}, "$inc": {"tries": 1}}
        return bool((await run(self._deletions.update_one(due, update))).matched_count)

    async def postpone(self, deletion_id: str, problem: str, *, due_at: datetime) -> None:
        """As `ContactBook.postpone`."""
        await self._write(deletion_id, {"$set": {"due_at": micros_from(due_at), "problem": problem}})

    async def end(self, deletion_id: str, status: DeletionStatus, problem: str | None = None) -> None:
        """As `ContactBook.end`."""
        outcome = {"status": status.value, "problem": problem, "sealed_user_id": None}
        await self._write(deletion_id, {"$set": outcome, "$unset": {"due_at": True}})

    async def of_erasure(self, erasure_id: str) -> Sequence[ContactBookDeletion]:
        """As `ContactBook.of_erasure`."""
        found = await run(self._deletions.find({"erasure_id": erasure_id}).sort("_id", 1).to_list(None))
        return [_deletion_from(each) for each in found]

    async def _write(self, deletion_id: str, update: Document) -> None:
        await run(self._deletions.update_one({"_id": deletion_id, "due_at": {"$exists": True}}, update))


def _deletion_from(found: Document) -> ContactBookDeletion:
    fields: dict[str, Any] = {name: found.get(name) for name in _FIELDS}
    status, at = DeletionStatus(found["status"]), instant_from(found["at"])
    return ContactBookDeletion(id=found["_id"], status=status, at=at, **fields)
