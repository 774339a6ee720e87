"""`DeliveryOrder` in MongoDB: one document per number and customer, with its newest events in order.

The order that an approval joins was read with its facts (`OrderEnd`). Where it still ends so, `joining` adds the event
together with the decision, in one call, and the event before it is known. Otherwise `enqueue` adds it and reads which
one that is.
"""

from collections.abc import Collection, Iterable
from datetime import datetime

from libs.contracts.errors import unavailable
from libs.store.claim_rules import State
from libs.store.decisions import Position
from libs.store.delivery_order import OrderEnd
from libs.store.instants import micros_from
from libs.store.mongo.database import AFTER, DUPLICATE_KEY, TOUCH, Database, Document, run, unless_duplicate
from libs.store.mongo.ordered_writes import Write
from libs.store.mongo.sources import union

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
        append = _append(event_id, now)
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


def joining(position: Position, end: OrderEnd, event_id: str, now: datetime) -> Write:
    """The write that adds an event to an order, if that still ends as it did; then `end.newest` is just before it."""
    joins: Document = {"_id": position.pair, "line.event_id": {"$ne": event_id}}
    joins[f"line.{end.positions}"] = {"$exists": False}
    if end.newest is not None:
        joins[f"line.{end.positions - 1}.event_id"] = end.newest
    return Write("turns", joins, _append(event_id, now), upsert=end.newest is None)


def ends_pipeline(number_id: str, customer_keys: Collection[str]) -> Document:
    """The stage that adds a row `turn` for each order: its end, and the newest event's state in the ledger."""
    pairs = [Position(number_id=number_id, customer_key=key).pair for key in customer_keys]
    entry = {"from": "ledger", "localField": "newest", "foreignField": "_id", "as": "entries"}
    ends: list[Document] = [
        {"$match": {"_id": {"$in": pairs}}},
        {
            "$project": {
                "newest": {"$arrayElemAt": ["$line.event_id", -1]},
                "positions": {"$size": {"$ifNull": ["$line", []]}},
            }
        },
        {"$lookup": entry},
        {"$project": {"newest": 1, "positions": 1, "states": "$entries.state", "source": {"$literal": "turn"}}},
    ]
    return union("turns", ends)


def ends_from(rows: Iterable[Document], number_id: str, customer_keys: Collection[str]) -> dict[str, OrderEnd]:
    """How the orders of these keys end, from the rows of `ends_pipeline`; one without a row is empty."""
    by_pair = {row["_id"]: OrderEnd(int(row["positions"]), row.get("newest")) for row in rows}
    pairs = {key: Position(number_id=number_id, customer_key=key).pair for key in customer_keys}
    return {key: by_pair.get(pair, OrderEnd()) for key, pair in pairs.items()}


def finished_in(rows: Iterable[Document]) -> frozenset[str]:
    """The newest events of the rows whose messages are finished."""
    return frozenset(row["newest"] for row in rows if State.FINISHED.value in row["states"])


def _append(event_id: str, now: datetime) -> Document:
    position = {"event_id": event_id, "at": micros_from(now)}
    return {"$push": {"line": {"$each": [position], "$slice": -MAX_POSITIONS}}, **TOUCH}


def _before(order: Document, event_id: str) -> str | None:
    ids = [position["event_id"] for position in order["line"]]
    index = ids.index(event_id)
    return ids[index - 1] if index else None
