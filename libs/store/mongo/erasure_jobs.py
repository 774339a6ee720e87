"""`Erasures` in MongoDB: one document per job."""

from collections.abc import Sequence

from libs.store.erasures import Erasure, erasure_from, erasure_text
from libs.store.instants import micros_from
from libs.store.mongo.database import Database, run, unless_duplicate
from libs.store.mongo.outbox import entries_from
from libs.store.outbox import OutboxEvent


class MongoErasures:
    """`Erasures`."""

    def __init__(self, database: Database) -> None:
        self._erasures = database["erasures"]

    async def add(self, erasure: Erasure) -> None:
        """As `Erasures.add`."""
        at = micros_from(erasure.asked_at)
        job = {"_id": erasure.id, "at": at, "body": erasure_text(erasure)}
        await unless_duplicate(self._erasures.insert_one(job))

    async def unfinished(self, limit: int) -> Sequence[Erasure]:
        """As `Erasures.unfinished`."""
        found = self._erasures.find({"body": {"$ne": None}}).sort([("at", 1), ("_id", 1)]).limit(limit)
        return [erasure_from(each["body"]) for each in await run(found.to_list(None))]

    async def finish(self, erasure_id: str, events: Sequence[OutboxEvent]) -> bool:
        """As `Erasures.finish`: the document keeps the events, and is deleted once they are published."""
        done = {"$set": {"body": None}, "$push": {"outbox": {"$each": entries_from(events)}}}
        finished = await run(self._erasures.update_one({"_id": erasure_id, "body": {"$ne": None}}, done))
        return bool(finished.matched_count)
