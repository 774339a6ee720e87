"""What accounts have used up: one document for each account, with counts by day and month, its speed, and marks.

The rule: a count and the mark that explains it change in one operation, and a mark is taken away exactly once, since
its token is in the filter of whatever takes it away. So a step that is repeated, or done by somebody else on behalf of
a process that died, never counts twice.

Two kinds of marks, each for what is not yet sure (the decision's document, see `decisions`, says what is):
- `reserving`: an approval's quota is counted already; the mark goes when the decision stands, or with the count.
- `returning`: an approval's quota shall be given back; the mark goes with the count once the decision says so.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bson import ObjectId
from pymongo import ReturnDocument

from libs.contracts.errors import unavailable
from libs.store.decisions import Budget, Exhausted, Limit
from libs.store.mongo.counting import reservation
from libs.store.mongo.database import Database, Document, Taken, ask, unless_taken
from libs.store.speed import slot_from

RESERVING: Final = "reserving"
RETURNING: Final = "returning"
SURE_AFTER_SECONDS = 60.0
"""A mark this old was left by somebody who died; nothing is wrong should they live after all, they only begin anew."""


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
        document = await self._count(budget, mark)
        standing = next((mark for mark in marks_of(document, RESERVING) if mark.event_id == event_id), None)
        return standing or _exhausted(document, budget), left_behind(document, now)

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

    async def _count(self, budget: Budget, mark: Mark) -> Document:
        async def counted() -> Document | Taken:
            update = reservation(budget, mark.slot, mark.document(), RESERVING)
            found: Document | Taken = await unless_taken(
                self._usage.find_one_and_update(
                    {"_id": mark.account_id}, update, upsert=True, return_document=ReturnDocument.AFTER
                )
            )
            return found

        document = await counted()
        if isinstance(document, Taken):  # two began the account's document at once; now it is there
            document = await counted()
        if isinstance(document, Taken):
            raise unavailable("store")
        return document


def _exhausted(document: Document, budget: Budget) -> Exhausted:
    day = document["days"].get(budget.day, 0)
    month = document["months"].get(budget.month, 0)
    return Exhausted(Limit.DAILY, day) if day >= budget.daily_limit else Exhausted(Limit.MONTHLY, month)
