"""`ErasedCustomers` in MongoDB: one document per erased key."""

from collections.abc import Collection
from datetime import datetime

from libs.store.erased_customers import MARKERS_KEPT, marker
from libs.store.instants import instant_from, micros_from
from libs.store.mongo.database import Database, run


class MongoErasedCustomers:
    """`ErasedCustomers`."""

    def __init__(self, database: Database) -> None:
        self._markers = database["erased_customers"]

    async def mark(self, account_id: str, customer_keys: Collection[str], at: datetime) -> None:
        """As `ErasedCustomers.mark`; repeating it after a failure marks the rest."""
        for key in customer_keys:
            named = {"_id": marker(account_id, key)}
            await run(self._markers.update_one(named, {"$max": {"at": micros_from(at)}}, upsert=True))

    async def erased_at(self, account_id: str, customer_keys: Collection[str]) -> datetime | None:
        """As `ErasedCustomers.erased_at`."""
        named = {"_id": {"$in": [marker(account_id, key) for key in customer_keys]}}
        found = await run(self._markers.find(named).to_list(None))
        return max((instant_from(each["at"]) for each in found), default=None)

    async def forget(self, now: datetime) -> None:
        """As `ErasedCustomers.forget`."""
        await run(self._markers.delete_many({"at": {"$lt": micros_from(now - MARKERS_KEPT)}}))
