"""Dead letters as documents that carry the event of their replay, and that MongoDB removes when their time is over."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from libs.store.dead_letters import DeadLetter, DeadLetterFilter
from libs.store.mongo.database import Database, Document, ask, datetime_from, micros_from, rows_of, unless_taken
from libs.store.mongo.outbox import entries_from
from libs.store.outbox import Posted

_PLAIN: Final = ("queue", "reason", "name", "message_id", "account_id", "integration_id", "attempts", "sealed")


class MongoDeadLetters:
    """A `DeadLetters`."""

    def __init__(self, database: Database) -> None:
        self._letters = database["dead_letters"]

    async def keep(self, letter: DeadLetter) -> None:
        """As `DeadLetters.keep`."""
        plain = {name: getattr(letter, name) for name in _PLAIN}
        times = {"died_at": micros_from(letter.died_at), "expires_at": micros_from(letter.expires_at)}
        document = {"_id": letter.id, **plain, **times, "ends": letter.expires_at, "replayed_at": None, "outbox": []}
        await unless_taken(self._letters.insert_one(document))

    async def page(self, wanted: DeadLetterFilter, *, after: str | None, limit: int) -> Sequence[DeadLetter]:
        """As `DeadLetters.page`."""
        given = {"_id": wanted.id, "queue": wanted.queue, "account_id": wanted.account_id}
        terms: list[Document] = [{name: value} for name, value in given.items() if value is not None]
        if after is not None:
            terms.append({"_id": {"$lt": after}})
        if wanted.replayed is not None:
            terms.append({"replayed_at": {"$ne": None} if wanted.replayed else None})
        query = {"$and": terms} if terms else {}
        found = await ask(self._letters.find(query, {"outbox": 0}).sort("_id", -1).limit(limit).to_list(None))
        return [_letter_from(document) for document in found]

    async def replayed(self, letter_id: str, *, at: datetime, by: str, events: Sequence[Posted]) -> None:
        """As `DeadLetters.replayed`."""
        noted = {"replayed_at": micros_from(at), "replayed_by": by}
        told = {"outbox": {"$each": entries_from(events)}}
        await ask(self._letters.update_one({"_id": letter_id}, {"$set": noted, "$push": told}))

    async def waiting(self, now: datetime) -> Mapping[str, int]:
        """As `DeadLetters.waiting`; what is over and not yet removed is not counted."""
        alive = {"replayed_at": None, "expires_at": {"$gt": micros_from(now)}}
        grouped = await rows_of(
            self._letters, [{"$match": alive}, {"$group": {"_id": "$queue", "letters": {"$sum": 1}}}]
        )
        return {row["_id"]: row["letters"] for row in grouped}


def _letter_from(document: Document) -> DeadLetter:
    plain: Document = {name: document.get(name) for name in _PLAIN}
    replayed_at = document.get("replayed_at")
    return DeadLetter(
        id=document["_id"],
        died_at=datetime_from(document["died_at"]),
        expires_at=datetime_from(document["expires_at"]),
        replayed_at=None if replayed_at is None else datetime_from(replayed_at),
        replayed_by=document.get("replayed_by"),
        **plain,
    )
