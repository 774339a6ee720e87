"""`Outbox` in MongoDB: events are stored in the document whose change they describe, so one operation writes both.

The rule: every change of a document in `WITH_OUTBOX` pushes `entries_from(events)` to its `outbox` in the same update.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from libs.store.mongo.database import Database, Document, insert_missing, run
from libs.store.outbox import OutboxEvent

WITH_OUTBOX: Final = (
    "accounts",
    "numbers",
    "integrations",
    "suppressions",
    "consents",
    "restrictions",
    "dead_letters",
    "tokens",
    "erasures",
    "approvals",
    "notes",
)
"""The collections whose documents have an `outbox`."""


def entries_from(events: Sequence[OutboxEvent]) -> list[Document]:
    """The events as they are stored, in the same order."""
    return [{"id": event.id, "name": event.name, "body": event.body, "at": event.at} for event in events]


class MongoOutbox:
    """`Outbox` over all documents with events."""

    def __init__(self, database: Database) -> None:
        self._collections = [database[name] for name in WITH_OUTBOX]
        self._notes = database["notes"]
        self._erasures = database["erasures"]

    async def add(self, events: Sequence[OutboxEvent]) -> None:
        """As `Outbox.add`: a document that holds only its event, and is deleted with it."""
        if events:
            notes = [{"_id": event.id, "outbox": entries_from([event])} for event in events]
            await run(insert_missing(self._notes, notes, ordered=False))

    async def unpublished(self, limit: int) -> Sequence[OutboxEvent]:
        """As `Outbox.unpublished`."""
        documents_by_collection = await asyncio.gather(
            *(
                run(
                    collection.find({"outbox.at": {"$gte": 0}}, {"outbox": 1})
                    .sort("outbox.at", 1)
                    .limit(limit)
                    .to_list(None)
                )
                for collection in self._collections
            )
        )
        events = [
            OutboxEvent(**entry)
            for found in documents_by_collection
            for document in found
            for entry in document["outbox"]
        ]
        return sorted(events, key=lambda event: event.at)[:limit]  # stable: events of one change keep their order

    async def mark_published(self, ids: Sequence[str]) -> None:
        """As `Outbox.mark_published`."""
        if not ids:
            return
        named = {"$in": list(ids)}
        await asyncio.gather(
            *(
                run(collection.update_many({"outbox.id": named}, {"$pull": {"outbox": {"id": named}}}))
                for collection in self._collections
            )
        )
        await run(self._notes.delete_many({"_id": named, "outbox": []}))
        await run(self._erasures.delete_many({"body": None, "outbox": []}))
