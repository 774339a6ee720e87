"""Quota usage in MongoDB: one document per account, with counts by day and month, the approval rate, and marks.

The rule: a count and its mark change in one operation, and a mark is removed exactly once, because every removal has
the mark's token in its filter. So a step that is repeated, also by another process after a crash, never counts twice.

A mark stands for a step that is not final; the decision's document (`libs.store.mongo.decisions`) is. There are two
kinds:
- `reserving`: an approval's quota is counted. The mark is removed once the decision stands, or together with the count.
  Once it stands nothing depends on the mark, so the account's next reservation removes it in the same step; without
  one, `FinalMarks` does a moment later. What a dying process leaves is cleared like any abandoned mark.
- `returning`: an approval's quota is to be returned. The mark is removed with the count once the decision says so.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bson import ObjectId
from pymongo import ReturnDocument, UpdateOne

from libs.contracts.errors import GatewayError, unavailable
from libs.store.approval_rate import slot_from
from libs.store.decisions import Budget, Limit, Proposal, QuotaExhausted
from libs.store.mongo.database import Collection, Database, Document, DuplicateKey, run, unless_duplicate
from libs.store.mongo.ordered_writes import Write
from libs.store.mongo.quota_reservation import reservation

RESERVING: Final = "reserving"
RETURNING: Final = "returning"
ABANDONED_AFTER_SECONDS = 60.0
"""A mark this old was left by a process that died. If the process is only slow, it starts again: nothing breaks."""
FINAL_SECONDS = 1.0
"""How long a mark that nothing depends on waits for its account's next reservation."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark of an event in the list `kind` of the account's document."""

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


def abandoned_marks(document: Document | None, now: datetime) -> list[Mark]:
    """The marks whose processes must have died."""
    marks = marks_of(document, RESERVING) + marks_of(document, RETURNING)
    return [mark for mark in marks if mark.at < now.timestamp() - ABANDONED_AFTER_SECONDS]


@dataclass(frozen=True, slots=True)
class Reserving:
    """A reservation that has not been written yet."""

    mark: Mark
    write: Write
    final: tuple[ObjectId, ...]
    """The marks that it removes."""


class FinalMarks:
    """The marks of this process whose decisions stand, and that are still in their accounts' documents.

    An account that is busy loses them by its next reservation; the others are emptied together, after a moment.
    """

    def __init__(self, usage: Collection) -> None:
        self._usage = usage
        self._tokens: defaultdict[str, set[ObjectId]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None

    def add(self, account_id: str, token: ObjectId) -> None:
        """Remember a mark to remove."""
        self._tokens[account_id].add(token)
        if self._task is None:
            self._task = asyncio.create_task(self._remove_soon())

    def of(self, account_id: str) -> tuple[ObjectId, ...]:
        """The tokens of an account's marks."""
        return tuple(self._tokens.get(account_id, ()))

    def forget(self, account_id: str, tokens: Iterable[ObjectId]) -> None:
        """These marks are removed."""
        left = self._tokens.get(account_id, set()).difference(tokens)
        if left:
            self._tokens[account_id] = left
        else:
            self._tokens.pop(account_id, None)

    async def _remove_soon(self) -> None:
        await asyncio.sleep(FINAL_SECONDS)
        self._task = None
        marks = {account_id: self.of(account_id) for account_id in self._tokens}
        pulls = [_pull(account_id, tokens) for account_id, tokens in marks.items()]
        with suppress(GatewayError):  # the next reservation, or who finds them abandoned
            if pulls:
                await run(self._usage.bulk_write(pulls, ordered=False))
        for account_id, tokens in marks.items():
            self.forget(account_id, tokens)


def _pull(account_id: str, tokens: Sequence[ObjectId]) -> UpdateOne:
    return UpdateOne({"_id": account_id}, {"$pull": {RESERVING: {"token": {"$in": list(tokens)}}}})


class Quotas:
    """Counts approvals and returns their quota."""

    def __init__(self, database: Database) -> None:
        self._usage = database["usage"]
        self._final = FinalMarks(self._usage)

    def settle(self, mark: Mark) -> None:
        """Have the `reserving` mark of a decision that stands removed, off the path of its message."""
        self._final.add(mark.account_id, mark.token)

    async def reserve(self, proposal: Proposal, budget: Budget) -> tuple[Mark | QuotaExhausted, list[Mark]]:
        """Count an approval. Returns its mark (an earlier one of the same event, if any) or the limit that is used up.

        Also returns the abandoned marks of the account.
        """
        event_id, now = proposal.event_id, proposal.now
        document = await self._count(budget, _mark_of(proposal, budget), clock=proposal.clock or now)
        existing = next((mark for mark in marks_of(document, RESERVING) if mark.event_id == event_id), None)
        return existing or _exhausted(document, budget), abandoned_marks(document, now)

    def reserving(self, proposal: Proposal, budget: Budget) -> Reserving | None:
        """The same as one write that can be sent together with others: it meets a stored key when it must not count.

        That is when a limit is reached, the event has a mark, or another process makes the account's document. None for
        a limit of nothing, which an account without a document would not meet.
        """
        if min(budget.daily_limit, budget.monthly_limit) < 1:
            return None
        mark, final = _mark_of(proposal, budget), self._final.of(budget.account_id)
        counts: Document = {
            "_id": budget.account_id,
            f"days.{budget.day}": {"$not": {"$gte": budget.daily_limit}},
            f"months.{budget.month}": {"$not": {"$gte": budget.monthly_limit}},
            f"{RESERVING}.event_id": {"$ne": proposal.event_id},
        }
        update = _reservation(budget, mark, final, proposal.clock or proposal.now)
        return Reserving(mark, Write("usage", counts, update, upsert=True), final)

    def reserved(self, reserving: Reserving) -> None:
        """The write was made: the marks that it removed are forgotten."""
        self._final.forget(reserving.mark.account_id, reserving.final)

    async def mark_return(self, mark: Mark) -> None:
        """Add a `returning` mark; the counts do not change yet."""
        await run(
            self._usage.update_one({"_id": mark.account_id}, {"$push": {RETURNING: mark.document()}}, upsert=True)
        )

    async def remove(self, mark: Mark, *, uncount: bool) -> None:
        """Remove the mark, and with `uncount` its count too; does nothing when the mark is removed already."""
        pulled: Document = {"$pull": {mark.kind: {"token": mark.token}}}
        marked = {"_id": mark.account_id, f"{mark.kind}.token": mark.token}
        if not uncount:
            await run(self._usage.update_one(marked, pulled))
            return
        less = {f"days.{mark.day}": -1, f"months.{mark.month}": -1}
        if mark.kind == RESERVING:  # it never became an approval, so it does not count in the rate either
            uncounted = {"$inc": less | {"speed.count": -1}, **pulled}
            closed = await run(self._usage.update_one(marked | {"speed.slot": mark.slot}, uncounted))
            if closed.matched_count:
                return
        await run(self._usage.update_one(marked, {"$inc": less, **pulled}))

    async def _count(self, budget: Budget, mark: Mark, *, clock: datetime) -> Document:
        final = self._final.of(mark.account_id)

        async def counted() -> Document | DuplicateKey:
            update = _reservation(budget, mark, final, clock)
            found: Document | DuplicateKey = await unless_duplicate(
                self._usage.find_one_and_update(
                    {"_id": mark.account_id}, update, upsert=True, return_document=ReturnDocument.AFTER
                )
            )
            return found

        document = await counted()
        if isinstance(
            document, DuplicateKey
        ):  # two processes created the account's document at the same time; now it exists
            document = await counted()
        if isinstance(document, DuplicateKey):
            raise unavailable("store")
        self._final.forget(mark.account_id, final)
        return document


def _mark_of(proposal: Proposal, budget: Budget) -> Mark:
    return Mark(
        kind=RESERVING,
        account_id=budget.account_id,
        token=ObjectId(),
        event_id=proposal.event_id,
        day=budget.day,
        month=budget.month,
        slot=slot_from(proposal.now),
        at=proposal.now.timestamp(),
    )


def _reservation(budget: Budget, mark: Mark, final: Sequence[ObjectId], clock: datetime) -> list[Document]:
    return reservation(budget, mark.document(), RESERVING, final=final, newest=slot_from(clock), clock=clock)


def _exhausted(document: Document, budget: Budget) -> QuotaExhausted:
    day = document["days"].get(budget.day, 0)
    month = document["months"].get(budget.month, 0)
    return QuotaExhausted(Limit.DAILY, day) if day >= budget.daily_limit else QuotaExhausted(Limit.MONTHLY, month)
