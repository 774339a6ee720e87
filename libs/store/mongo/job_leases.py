"""`JobLeases` in MongoDB: one document each; inserting it fails while another owner's lease runs."""

from datetime import datetime, timedelta

from libs.contracts.stored_times import latest_beginning
from libs.store.instants import micros_from
from libs.store.mongo.database import DUPLICATE_KEY, Database, Document, run, unless_duplicate


class MongoJobLeases:
    """`JobLeases`."""

    def __init__(self, database: Database) -> None:
        self._leases = database["errands"]

    async def acquire(self, job_id: str, *, owner: str, now: datetime, lease_seconds: float) -> bool:
        """As `JobLeases.acquire`."""
        free: Document = {"$or": [{"until": {"$lte": micros_from(now)}}, {"owner": owner}]}
        if lease_seconds:
            free["$or"].append({"taken_at": {"$gt": micros_from(latest_beginning(now))}})
        until = micros_from(now + timedelta(seconds=lease_seconds))
        # If the stored document does not match the filter, the upsert tries to insert it: a duplicate key.
        acquired = await unless_duplicate(
            self._leases.update_one(
                {"_id": job_id, "done_at": None, **free},
                {"$set": {"owner": owner, "until": until, "taken_at": micros_from(now)}},
                upsert=True,
            )
        )
        return acquired is not DUPLICATE_KEY

    async def complete(self, job_id: str, *, owner: str, now: datetime) -> bool:
        """As `JobLeases.complete`."""
        running = {"_id": job_id, "owner": owner, "done_at": None}
        completed = await run(self._leases.update_one(running, {"$set": {"done_at": micros_from(now)}}))
        return bool(completed.matched_count == 1)
