"""The update pipeline that counts an approval: one operation on the account's document checks limits and counts.

The rule: the database computes, so that simultaneous approvals of one account need no retry. The pipeline computes the
same as `libs.store.approval_rate` and the limits of `libs.store.decisions`.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from bson import ObjectId

from libs.store.approval_rate import WEIGHT
from libs.store.decisions import Budget
from libs.store.mongo.database import Document

DAYS_COUNTED: Final = 60
"""Counts of older days are deleted. A decision, and so the return of its quota, is 10 days old at most."""


def reservation(
    budget: Budget, mark: Document, marks: str, *, final: Sequence[ObjectId] = (), newest: int, clock: datetime
) -> list[Document]:
    """Count one more approval in day, month and rate, and add `mark` to the list `marks`.

    The marks with the tokens `final` are removed; their counts stay. `newest` is as in
    `libs.store.approval_rate.rate_in_slot`; `clock` is the current time.

    Nothing is counted if the list has a mark of the same event, or a limit is reached.
    """
    day, month = _if_null(f"$days.{budget.day}", 0), _if_null(f"$months.{budget.month}", 0)
    has_room = [{"$lt": [day, budget.daily_limit]}, {"$lt": [month, budget.monthly_limit]}]
    is_new = {"$eq": [{"$in": [{"$literal": mark["event_id"]}, f"${marks}.event_id"]}, False]}
    added = {"$concatArrays": [f"${marks}", [{"$literal": mark}]]}
    return [
        {"$set": {marks: _without(marks, final), "days": _recent_days(budget.day)}},
        {"$set": {"counts": {"$and": [is_new, *has_room]}}},
        {
            "$set": {
                f"days.{budget.day}": _incremented(day),
                f"months.{budget.month}": _incremented(month),
                "speed": {
                    "$cond": [
                        "$counts",
                        _rate_after_approval(mark["slot"], newest),
                        _if_null("$speed", _rate(0, 0, 0.0)),
                    ]
                },
                marks: {"$cond": ["$counts", added, f"${marks}"]},
                "touched_at": clock,
            }
        },
        {"$unset": "counts"},
    ]


def _without(marks: str, final: Sequence[ObjectId]) -> Document:
    """The list `marks` without those whose tokens are in `final`."""
    stored = _if_null(f"${marks}", [])
    if not final:
        return stored
    others = {"$eq": [{"$in": ["$$mark.token", list(final)]}, False]}
    return {"$filter": {"input": stored, "as": "mark", "cond": others}}


def _recent_days(day: str) -> Document:
    oldest = (date.fromisoformat(day) - timedelta(days=DAYS_COUNTED)).isoformat()
    days = {"$objectToArray": _if_null("$days", {})}
    return {"$arrayToObject": {"$filter": {"input": days, "as": "day", "cond": {"$gte": ["$$day.k", oldest]}}}}


def _rate_after_approval(slot: int, newest: int) -> Document:
    """`libs.store.approval_rate.rate_after_approval` as an aggregation expression."""
    count, normal, known = _if_null("$speed.count", 0), _if_null("$speed.normal", 0.0), _if_null("$speed.slot", 0)
    closes = {"$or": [{"$gt": [slot, known]}, {"$gt": [known, newest + 1]}]}
    moved = {"$add": [{"$multiply": [1 - WEIGHT, normal]}, {"$multiply": [WEIGHT, count]}]}
    return _rate(
        {"$cond": [closes, slot, known]},
        {"$add": [{"$cond": [closes, 0, count]}, 1]},
        {"$cond": [{"$and": [closes, {"$gt": [count, 0]}]}, moved, normal]},
    )


def _rate(slot: Any, count: Any, normal: Any) -> Document:
    return {"slot": slot, "count": count, "normal": normal}


def _incremented(count: Document) -> Document:
    return {"$add": [count, {"$cond": ["$counts", 1, 0]}]}


def _if_null(path: str, default: Any) -> Document:
    return {"$ifNull": [path, default]}
