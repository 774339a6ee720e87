"""What accounts have used up: one document for each account, with counts by day and month, its speed, and marks.

The rule: a count and the mark that explains it change in one operation, and a mark is taken away exactly once, since
its token is in the filter of whatever takes it away. So a step that is repeated, or done by somebody else on behalf of
a process that died, never counts twice.

Two kinds of marks, each for what is not yet sure (the decision's document, see `decisions`, says what is):
- `reserving`: an approval's quota is counted already; the mark goes when the decision stands, or with the count.
- `returning`: an approval's quota shall be given back; the mark goes with the count once the decision says so.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bson import ObjectId
from pymongo import ReturnDocument

from libs.store.decisions import Budget, Exhausted, Limit
from libs.store.mongo.database import TAKEN, Database, Document, ask, unless_taken
from libs.store.speed import WEIGHT, slot_from

RESERVING: Final = "reserving"
RETURNING: Final = "returning"
SURE_AFTER_SECONDS = 60.0
"""A mark this old was left by somebody who died; nothing is wrong should they live after all, they only begin anew."""
DAYS_COUNTED = 60
"""Counts of older days are dropped; a decision, and so its return, is 10 days old at most."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What is not yet sure of an event: its count in `account_id`'s document, in the list `kind`."""

    kind: str
    account_id: str
    token: ObjectId
    event_id: str
    day: str
    month: str
    slot: int
    at: float

    def document(self) -> Document:
        """The mark as it is stored."""
        return {name: getattr(self, name) for name in ("token", "event_id", "day", "month", "slot", "at")}


def marks_of(document: Document | None, kind: str) -> list[Mark]:
    """The marks of one kind in an account's document."""
    if document is None:
        return []
    return [Mark(kind=kind, account_id=document["_id"], **mark) for mark in document.get(kind, ())]


def left_behind(document: Document | None, now: datetime) -> list[Mark]:
    """The marks whose makers must have died."""
    marks = marks_of(document, RESERVING) + marks_of(document, RETURNING)
    return [mark for mark in marks if mark.at < now.timestamp() - SURE_AFTER_SECONDS]


class Quotas:
    """Counts and gives back."""

    def __init__(self, database: Database) -> None:
        self._usage = database["usage"]
        self._sure: defaultdict[str, list[ObjectId]] = defaultdict(list)

    async def reserve(self, event_id: str, budget: Budget, now: datetime) -> tuple[Mark | Exhausted, list[Mark]]:
        """Count an approval, or find the mark of one that is under way for the same event, or what is used up.

        Also tells which marks were left behind.
        """
        mark = Mark(
            kind=RESERVING,
            account_id=budget.account_id,
            token=ObjectId(),
            event_id=event_id,
            day=budget.day,
            month=budget.month,
            slot=slot_from(now),
            at=now.timestamp(),
        )
        document = await self._apply(
            budget.account_id, _reservation(mark, budget, self._sure.pop(budget.account_id, []))
        )
        standing = next((mark for mark in marks_of(document, RESERVING) if mark.event_id == event_id), None)
        return standing or _exhausted(document, budget), left_behind(document, now)

    def confirm(self, mark: Mark) -> None:
        """The decision stands with this reservation: its mark goes with the account's next one, which saves a write."""
        self._sure[mark.account_id].append(mark.token)

    async def intend_to_return(self, mark: Mark) -> None:
        """Note that an approval's quota shall be given back; nothing is counted yet."""
        await ask(
            self._usage.update_one({"_id": mark.account_id}, {"$push": {RETURNING: mark.document()}}, upsert=True)
        )

    async def close(self, mark: Mark, *, give_back: bool) -> None:
        """Take the mark away, and its count with it if `give_back`; nothing when the mark is gone already."""
        gone: Document = {"$pull": {mark.kind: {"token": mark.token}}}
        marked = {"_id": mark.account_id, f"{mark.kind}.token": mark.token}
        if not give_back:
            await ask(self._usage.update_one(marked, gone))
            return
        less = {f"days.{mark.day}": -1, f"months.{mark.month}": -1}
        if mark.kind == RESERVING:  # never became an approval, so it is no part of the speed either
            uncounted = {"$inc": less | {"speed.count": -1}, **gone}
            closed = await ask(self._usage.update_one(marked | {"speed.slot": mark.slot}, uncounted))
            if closed.matched_count:
                return
        await ask(self._usage.update_one(marked, {"$inc": less, **gone}))

    async def _apply(self, account_id: str, pipeline: Sequence[Document]) -> Document:
        async def applied() -> Any:
            return await unless_taken(
                self._usage.find_one_and_update(
                    {"_id": account_id}, list(pipeline), upsert=True, return_document=ReturnDocument.AFTER
                )
            )

        document = await applied()
        if document is TAKEN:  # two began the account's document at once
            document = await ask(applied())
        found: Document = document
        return found


def _exhausted(document: Document, budget: Budget) -> Exhausted:
    day = document["days"].get(budget.day, 0)
    month = document["months"].get(budget.month, 0)
    return Exhausted(Limit.DAILY, day) if day >= budget.daily_limit else Exhausted(Limit.MONTHLY, month)


def _reservation(mark: Mark, budget: Budget, sure: Sequence[ObjectId]) -> list[Document]:
    """Count one more in day, month and speed and leave `mark`, unless its event has one or a limit is reached."""
    day, month = _or(f"$days.{mark.day}", 0), _or(f"$months.{mark.month}", 0)
    return [
        {"$set": {RESERVING: _without(sure), "days": _recent(mark)}},
        {
            "$set": {
                "counts": {
                    "$and": [
                        _no({"$in": [{"$literal": mark.event_id}, f"${RESERVING}.event_id"]}),
                        {"$lt": [day, budget.daily_limit]},
                        {"$lt": [month, budget.monthly_limit]},
                    ]
                }
            }
        },
        {
            "$set": {
                f"days.{mark.day}": _one_more(day),
                f"months.{mark.month}": _one_more(month),
                "speed": {"$cond": ["$counts", _speed_after(mark.slot), _or("$speed", _speed(0, 0, 0.0))]},
                RESERVING: {
                    "$concatArrays": [
                        f"${RESERVING}",
                        {"$cond": ["$counts", [{"$literal": mark.document()}], []]},
                    ]
                },
                "touched_at": "$$NOW",
            }
        },
        {"$unset": "counts"},
    ]


def _without(sure: Sequence[ObjectId]) -> Document:
    marks = _or(f"${RESERVING}", [])
    return {"$filter": {"input": marks, "as": "mark", "cond": _no({"$in": ["$$mark.token", {"$literal": list(sure)}]})}}


def _recent(mark: Mark) -> Document:
    oldest = (datetime.fromisoformat(mark.day) - timedelta(days=DAYS_COUNTED)).date().isoformat()
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


def _no(condition: Document) -> Document:
    return {"$eq": [condition, False]}
