"""`DeliveryOrder` in MongoDB: one document per number and customer, with its newest events in order."""

from collections.abc import Collection
from datetime import datetime

from libs.contracts.errors import unavailable
from libs.store.claim_rules import State
from libs.store.decisions import Position
from libs.store.instants import micros_from
from libs.store.mongo.database import AFTER, DUPLICATE_KEY, TOUCH, Database, Document, run, unless_duplicate
from libs.store.mongo.sources import select, union

MAX_POSITIONS = 100
"""Positions that are stored. At the rate limit of one customer, earlier ones are long finished."""
_TRIES = 5


class MongoDeliveryOrder:
    """`DeliveryOrder`."""

    def __init__(self, database: Database) -> None:
        self._orders = database["turns"]

    async def enqueue(self, *, number_id: str, customer_key: str, event_id: str, now: datetime) -> str | None:
        """As `DeliveryOrder.enqueue`."""
        pair = Position(number_id=number_id, customer_key=customer_key).pair
        position = {"event_id": event_id, "at": micros_from(now)}
        append = {"$push": {"line": {"$each": [position], "$slice": -MAX_POSITIONS}}, **TOUCH}
        new = {"_id": pair, "line.event_id": {"$ne": event_id}}
        for _ in range(_TRIES):
            order = await unless_duplicate(
                self._orders.find_one_and_update(new, append, upsert=True, return_document=AFTER)
            )
            if order is DUPLICATE_KEY:  # the event has a position, or another process just created the document
                present = {"_id": pair, "line.event_id": event_id}
                order = await run(self._orders.find_one_and_update(present, TOUCH, return_document=AFTER))
            if isinstance(order, dict):
                return _before(order, event_id)
        raise unavailable("store")


def finished_pipeline(number_id: str, customer_keys: Collection[str]) -> Document:
    """The stage that adds a row `turn` for each order whose newest event is `finished` in the ledger."""
    pairs = [Position(number_id=number_id, customer_key=key).pair for key in customer_keys]
    entry = {"from": "ledger", "localField": "newest", "foreignField": "_id", "as": "entries"}
    newest: list[Document] = [
        {"$match": {"_id": {"$in": pairs}}},
        {"$project": {"newest": {"$arrayElemAt": ["$line.event_id", -1]}}},
        {"$lookup": entry},
        *select("turn", {"entries.state": State.FINISHED.value}, {"newest": 1}),
    ]
    return union("turns", newest)


def _before(order: Document, event_id: str) -> str | None:
    ids = [position["event_id"] for position in order["line"]]
    index = ids.index(event_id)
    return ids[index - 1] if index else None
