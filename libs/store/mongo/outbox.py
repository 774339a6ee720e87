"""Events that wait in the very document whose change they tell of, so that both are written in one operation.

The rule: who changes a document of `WITH_OUTBOX` pushes `entries_from(events)` onto its `outbox` in the same update.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from libs.store.mongo.database import Database, Document, ask
from libs.store.outbox import Posted

WITH_OUTBOX: Final = (
    "accounts",
    "numbers",
    "integrations",
    "suppressions",
    "dead_letters",
    "tokens",
    "erasures",
    "notes",
)
"""The collections whose documents carry events."""


def entries_from(events: Sequence[Posted]) -> list[Document]:
    """What is kept of the events, in their order."""
    return [{"id": event.id, "name": event.name, "body": event.body, "at": event.at} for event in events]


class MongoOutbox:
    """An `Outbox` over every document that carries events."""

    def __init__(self, database: Database) -> None:
        self._collections = [database[name] for name in WITH_OUTBOX]
        self._notes = database["notes"]
        self._erasures = database["erasures"]

    async def post(self, events: Sequence[Posted]) -> None:
        """As `Outbox.post`: a document that is nothing but its event, and goes with it."""
        if events:
            notes = [{"_id": event.id, "outbox": entries_from([event])} for event in events]
            await ask(self._notes.insert_many(notes))

    async def waiting(self, limit: int) -> Sequence[Posted]:
        """As `Outbox.waiting`."""
        carriers = await asyncio.gather(
            *(
                ask(
                    collection.find({"outbox.at": {"$gte": 0}}, {"outbox": 1})
                    .sort("outbox.at", 1)
                    .limit(limit)
                    .to_list(None)
                )
                for collection in self._collections
            )
        )
        posted = [Posted(**entry) for found in carriers for document in found for entry in document["outbox"]]
        return sorted(posted, key=lambda event: event.at)[:limit]  # stable: one change's events keep their order

    async def published(self, ids: Sequence[str]) -> None:
        """As `Outbox.published`."""
        if not ids:
            return
        named = {"$in": list(ids)}
        await asyncio.gather(
            *(
                ask(collection.update_many({"outbox.id": named}, {"$pull": {"outbox": {"id": named}}}))
                for collection in self._collections
            )
        )
        await ask(self._notes.delete_many({"_id": named, "outbox": []}))
        await ask(self._erasures.delete_many({"body": None, "outbox": []}))
