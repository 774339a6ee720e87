"""`Allowances` in MongoDB: one document for each allowance; the database computes, so calls at once need no retry."""

from datetime import datetime, timedelta
from typing import Any

from libs.contracts.errors import unavailable
from libs.contracts.stored_times import latest_beginning
from libs.store.instants import micros_from
from libs.store.mongo.database import AFTER, Database, Document, DuplicateKey, run, unless_duplicate


class MongoAllowances:
    """`Allowances`."""

    def __init__(self, database: Database) -> None:
        self._allowances = database["allowances"]

    async def take(self, key: str, *, limit: int, within: timedelta, now: datetime) -> float | None:
        """As `Allowances.take`."""
        since = micros_from(now - within)
        for _ in range(2):  # two processes made the document at the same time: now it exists
            found: Document | DuplicateKey = await unless_duplicate(
                self._allowances.find_one_and_update(
                    {"_id": key}, _taken(limit, since, now), upsert=True, return_document=AFTER
                )
            )
            if not isinstance(found, DuplicateKey):
                return None if found["taken"] else float(sorted(found["times"])[-limit] - since) / 1e6
        raise unavailable("store")

    async def renew(self, key: str) -> None:
        """As `Allowances.renew`."""
        await run(self._allowances.delete_one({"_id": key}))


def _taken(limit: int, since: int, now: datetime) -> list[Document]:
    """Forget what is older, bring back what lies in the future, and take one if there is one."""
    at, latest = micros_from(now), micros_from(latest_beginning(now))
    stored: Any = {"$ifNull": ["$times", []]}
    kept = {"$filter": {"input": stored, "as": "time", "cond": {"$gt": ["$$time", since]}}}
    brought_back = {"$cond": [{"$gt": ["$$time", latest]}, at, "$$time"]}
    return [
        {"$set": {"times": {"$map": {"input": kept, "as": "time", "in": brought_back}}}},
        {"$set": {"taken": {"$lt": [{"$size": "$times"}, limit]}}},
        {"$set": {"times": {"$cond": ["$taken", {"$concatArrays": ["$times", [at]]}, "$times"]}, "touched_at": now}},
    ]
