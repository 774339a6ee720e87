"""Errands in MongoDB: one document each, whose insert fails where another's lease runs."""

from datetime import datetime, timedelta

from libs.store.mongo.database import TAKEN, Database, ask, micros_from, unless_taken


class MongoErrands:
    """`Errands`."""

    def __init__(self, database: Database) -> None:
        self._errands = database["errands"]

    async def begin(self, errand_id: str, *, owner: str, now: datetime, lease_seconds: float) -> bool:
        """As `Errands.begin`."""
        free = {"$or": [{"until": {"$lte": micros_from(now)}}, {"owner": owner}]}
        until = micros_from(now + timedelta(seconds=lease_seconds))
        # A document that does not fit the filter is in the way of the upsert's insert: a duplicate key.
        begun = await unless_taken(
            self._errands.update_one(
                {"_id": errand_id, "done_at": None, **free}, {"$set": {"owner": owner, "until": until}}, upsert=True
            )
        )
        return begun is not TAKEN

    async def finish(self, errand_id: str, *, owner: str, now: datetime) -> bool:
        """As `Errands.finish`."""
        done = await ask(
            self._errands.update_one(
                {"_id": errand_id, "owner": owner, "done_at": None}, {"$set": {"done_at": micros_from(now)}}
            )
        )
        return bool(done.matched_count == 1)
