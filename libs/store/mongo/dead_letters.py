"""`DeadLetters` in MongoDB: documents with the event of their replay; a TTL index deletes expired ones."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from libs.store.dead_letters import DeadLetter, DeadLetterFilter
from libs.store.instants import instant_from, micros_from, optional_instant_from
from libs.store.mongo.database import Database, Document, aggregate, run, unless_duplicate
from libs.store.mongo.outbox import entries_from
from libs.store.outbox import OutboxEvent

_PLAIN: Final = ("queue", "reason", "name", "message_id", "account_id", "integration_id", "attempts", "sealed")


class MongoDeadLetters:
    """`DeadLetters`."""

    def __init__(self, database: Database) -> None:
        self._letters = database["dead_letters"]

    async def add(self, letter: DeadLetter) -> None:
        """As `DeadLetters.add`."""
        plain = {name: getattr(letter, name) for name in _PLAIN}
        times = {"died_at": micros_from(letter.died_at), "expires_at": micros_from(letter.expires_at)}
        open_: Document = {"replayable": letter.replayable, "replayed_at": None, "discarded_at": None, "outbox": []}
        document = {"_id": letter.id, **plain, **times, "ends": letter.expires_at, **open_}
        await unless_duplicate(self._letters.insert_one(document))

    async def remove(self, letter_id: str) -> None:
        """As `DeadLetters.remove`."""
        await run(self._letters.delete_one({"_id": letter_id, "replayed_at": None, "discarded_at": None}))

    async def page(self, wanted: DeadLetterFilter, *, after: str | None, limit: int) -> Sequence[DeadLetter]:
        """As `DeadLetters.page`."""
        given = {"_id": wanted.id, "queue": wanted.queue, "account_id": wanted.account_id}
        terms: list[Document] = [{name: value} for name, value in given.items() if value is not None]
        if after is not None:
            terms.append({"_id": {"$lt": after}})
        if wanted.replayed is not None:
            terms.append({"replayed_at": {"$ne": None} if wanted.replayed else None})
        if wanted.discarded is not None:
            terms.append({"discarded_at": {"$ne": None} if wanted.discarded else None})
        query = {"$and": terms} if terms else {}
        found = await run(self._letters.find(query, {"outbox": 0}).sort("_id", -1).limit(limit).to_list(None))
        return [_letter_from(document) for document in found]

    async def mark_replayed(self, letter_id: str, *, at: datetime, by: str, events: Sequence[OutboxEvent]) -> None:
        """As `DeadLetters.mark_replayed`."""
        noted = {"replayed_at": micros_from(at), "replayed_by": by}
        pushed = {"outbox": {"$each": entries_from(events)}}
        await run(self._letters.update_one({"_id": letter_id}, {"$set": noted, "$push": pushed}))

    async def mark_discarded(self, letter_id: str, *, at: datetime, by: str, events: Sequence[OutboxEvent]) -> bool:
        """As `DeadLetters.mark_discarded`."""
        noted = {"discarded_at": micros_from(at), "discarded_by": by, "sealed": ""}
        pushed = {"outbox": {"$each": entries_from(events)}}
        unmarked = {"_id": letter_id, "replayed_at": None, "discarded_at": None}
        result = await run(self._letters.update_one(unmarked, {"$set": noted, "$push": pushed}))
        return bool(result.modified_count)

    async def count_waiting(self, now: datetime) -> Mapping[str, int]:
        """As `DeadLetters.count_waiting`; expired dead letters that are not deleted yet are not counted."""
        waiting = {"replayed_at": None, "discarded_at": None, "expires_at": {"$gt": micros_from(now)}}
        grouped = await aggregate(
            self._letters, [{"$match": waiting}, {"$group": {"_id": "$queue", "letters": {"$sum": 1}}}]
        )
        return {row["_id"]: row["letters"] for row in grouped}


def _letter_from(document: Document) -> DeadLetter:
    plain: Document = {name: document.get(name) for name in _PLAIN}
    return DeadLetter(
        id=document["_id"],
        died_at=instant_from(document["died_at"]),
        expires_at=instant_from(document["expires_at"]),
        replayed_at=optional_instant_from(document.get("replayed_at")),
        replayed_by=document.get("replayed_by"),
        replayable=document.get("replayable", True),
        discarded_at=optional_instant_from(document.get("discarded_at")),
        discarded_by=document.get("discarded_by"),
        **plain,
    )
