"""The readiness probe of the MongoDB store: one write that a majority acknowledges, and the size of the database."""

import time
from contextlib import suppress

from libs.contracts.errors import GatewayError
from libs.store.metrics import SIZE_BYTES
from libs.store.migration import MissingIndexes
from libs.store.mongo.database import Database, run

SIZE_SECONDS = 60.0
"""How often the server is asked for the size of the database."""
SIZE = SIZE_BYTES.labels("mongodb")


class WriteProbe:
    """`Store.probe`. All replicas write the same document, so that it takes no room; the server orders the writes."""

    def __init__(self, database: Database, missing: MissingIndexes) -> None:
        self._database = database
        self._missing = missing
        self._measured_at = float("-inf")

    async def __call__(self) -> None:
        """As `Store.probe`."""
        self._missing.look_if_due()
        await run(self._database["probes"].update_one({"_id": "store"}, {"$inc": {"writes": 1}}, upsert=True))
        now = time.monotonic()
        if now - self._measured_at > SIZE_SECONDS:
            self._measured_at = now
            with suppress(GatewayError):  # a user without the right to ask is no reason to be unready
                stats = await run(self._database.command("dbStats"))
                SIZE.set(float(stats.get("storageSize", 0)) + float(stats.get("indexSize", 0)))
