"""The lines in front of customers in MongoDB: one document for each pair, its newest events in their order."""

from datetime import datetime

from pymongo import ReturnDocument

from libs.contracts.errors import unavailable
from libs.store.mongo.database import TAKEN, Database, Document, ask, micros_from, unless_taken

LONGEST = 100
"""Places that are kept: who was further ahead is long done, by the pace of one customer."""
_TRIES = 5
_AFTER = ReturnDocument.AFTER


class MongoTurns:
    """`Turns`."""

    def __init__(self, database: Database) -> None:
        self._turns = database["turns"]

    async def take(self, *, number_id: str, customer_key: str, event_id: str, now: datetime) -> str | None:
        """As `Turns.take`."""
        pair = f"{number_id}:{customer_key}"
        touch: Document = {"$currentDate": {"touched_at": True}}
        place = {"event_id": event_id, "at": micros_from(now)}
        join = {"$push": {"line": {"$each": [place], "$slice": -LONGEST}}, **touch}
        new = {"_id": pair, "line.event_id": {"$ne": event_id}}
        for _ in range(_TRIES):
            line = await unless_taken(self._turns.find_one_and_update(new, join, upsert=True, return_document=_AFTER))
            if line is TAKEN:  # in line already, or another's first place was written just now
                line = await ask(
                    self._turns.find_one_and_update(
                        {"_id": pair, "line.event_id": event_id}, touch, return_document=_AFTER
                    )
                )
            if isinstance(line, dict):
                return _before(line, event_id)
        raise unavailable("store")


def _before(line: Document, event_id: str) -> str | None:
    ids = [place["event_id"] for place in line["line"]]
    mine = ids.index(event_id)
    return ids[mine - 1] if mine else None
