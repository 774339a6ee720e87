"""Counting an approval in MongoDB's own words: one update of an account's document that decides and counts at once.

The rule: the database computes, so that approvals of one account at the same time need not be repeated; what it
computes is `libs.store.speed` and the limits of `libs.store.decisions`.
"""

from datetime import date, timedelta
from typing import Any, Final

from libs.store.decisions import Budget
from libs.store.mongo.database import Document
from libs.store.speed import WEIGHT

DAYS_COUNTED: Final = 60
"""Counts of older days are dropped; a decision, and so its return, is 10 days old at most."""


def reservation(budget: Budget, slot: int, mark: Document, marks: str) -> list[Document]:
    """Count one more in day, month and speed and add `mark` to the list `marks`.

    Nothing is counted if that list has a mark of the same event, or a limit is reached.
    """
    day, month = _or(f"$days.{budget.day}", 0), _or(f"$months.{budget.month}", 0)
    has_room = [{"$lt": [day, budget.daily_limit]}, {"$lt": [month, budget.monthly_limit]}]
    is_new = {"$eq": [{"$in": [{"$literal": mark["event_id"]}, f"${marks}.event_id"]}, False]}
    added = {"$concatArrays": [f"${marks}", [{"$literal": mark}]]}
    return [
        {"$set": {marks: _or(f"${marks}", []), "days": _recent(budget.day)}},
        {"$set": {"counts": {"$and": [is_new, *has_room]}}},
        {
            "$set": {
                f"days.{budget.day}": _one_more(day),
                f"months.{budget.month}": _one_more(month),
                "speed": {"$cond": ["$counts", _speed_after(slot), _or("$speed", _speed(0, 0, 0.0))]},
                marks: {"$cond": ["$counts", added, f"${marks}"]},
                "touched_at": "$$NOW",
            }
        },
        {"$unset": "counts"},
    ]


def _recent(day: str) -> Document:
    oldest = (date.fromisoformat(day) - timedelta(days=DAYS_COUNTED)).isoformat()
    days = {"$objectToArray": _or("$days", {})}
    return {"$arrayToObject": {"$filter": {"input": days, "as": "day", "cond": {"$gte": ["$$day.k", oldest]}}}}


def _speed_after(slot: int) -> Document:
    """`libs.store.speed.speed_after` in MongoDB's words."""
    count, normal, known = _or("$speed.count", 0), _or("$speed.normal", 0.0), _or("$speed.slot", 0)
    closes = {"$gt": [slot, known]}
    moved = {"$add": [{"$multiply": [1 - WEIGHT, normal]}, {"$multiply": [WEIGHT, count]}]}
    return _speed(
        {"$max": [slot, known]},
        {"$add": [{"$cond": [closes, 0, count]}, 1]},
        {"$cond": [{"$and": [closes, {"$gt": [count, 0]}]}, moved, normal]},
    )


def _speed(slot: Any, count: Any, normal: Any) -> Document:
    return {"slot": slot, "count": count, "normal": normal}


def _one_more(count: Document) -> Document:
    return {"$add": [count, {"$cond": ["$counts", 1, 0]}]}


def _or(path: str, default: Any) -> Document:
    return {"$ifNull": [path, default]}
