"""`Decisions` in MongoDB: one document per event, and the quota that approvals use, without transactions.

One write decides an event: it sets `outcome`, where there is none, in the document whose `_id` is the event's id, so
the first write wins. The quota is in another document (`libs.store.mongo.quotas`). It is counted *before* the decision,
under a mark, and the decision holds the mark's token:

1. Count in the account's document and add the mark, only if both limits allow it. So limits are never exceeded.
2. Write the decision with the token.
3. Add the approved message to the delivery order (`libs.store.mongo.delivery_order`).
4. Remove the mark, with the account's next reservation or a moment later: nothing depends on it any more.

Where the server can (`libs.store.mongo.ordered_writes`), 1 to 3 are one call, which stops at the first that must not be
made; what is left is done one by one. A process that dies meanwhile leaves the same as one that dies between two calls.

A process that dies after 1 leaves a mark. The same event, delivered again, finds the mark and continues with it, so it
is counted once. A process that loses 2 (to a withdrawal, or to another delivery of the event) removes mark and count,
unless the decision has this mark's token. Abandoned marks are cleared by the next call that reads the account's marks
(`facts`, `decide`) once they are a minute old. First the decision is *barred* from taking the token (a write to the
decision's document, refused if it is decided); only then mark and count are removed. A process that was only slow finds
its token barred and starts again with a new one. So no pause can let an approval through uncounted, and no clock has to
be right.

Returning quota works the same way:

1. Add a mark that counts nothing.
2. Set its token as `returned` in the decision; the first write wins.
3. Remove mark and count together. A mark without 2 is removed alone, after its token is barred.

A cooldown (`libs.store.mongo.cooldowns`) is a third document. It is taken first, the decision refers to it, and it
counts only while that decision stands.
"""

from dataclasses import replace
from datetime import datetime

from bson import ObjectId

from libs.contracts.decisions import Decision
from libs.contracts.errors import unavailable
from libs.store.approval_rate import slot_from
from libs.store.decisions import (
    Cooldown,
    CoolingDown,
    DecisionResult,
    FactsQuery,
    Proposal,
    QuotaExhausted,
    StandingDecision,
    StoredFacts,
)
from libs.store.mongo.cooldowns import Cooldowns
from libs.store.mongo.database import AFTER, DUPLICATE_KEY, TOUCH, Database, Document, aggregate, run, unless_duplicate
from libs.store.mongo.delivery_order import MongoDeliveryOrder, joining
from libs.store.mongo.facts import facts_from, facts_pipeline
from libs.store.mongo.ordered_writes import OrderedWrites, Write
from libs.store.mongo.quotas import RESERVING, RETURNING, Mark, Quotas, abandoned_marks

_TRIES = 10
_UNDECIDED = {"outcome": {"$exists": False}}


class MongoDecisions:
    """`Decisions`."""

    def __init__(self, database: Database) -> None:
        self._decisions = database["decisions"]
        self._quotas = Quotas(database)
        self._cooldowns = Cooldowns(database)
        self._delivery_order = MongoDeliveryOrder(database)
        self._writes = OrderedWrites(database)

    async def facts(self, query: FactsQuery) -> StoredFacts:
        """As `Decisions.facts`: one aggregation over eight collections, each read by `_id`."""
        found = await aggregate(self._decisions, facts_pipeline(query))
        usage = next((row for row in found if row["source"] == "usage"), None)
        abandoned = abandoned_marks(usage, query.now)
        if abandoned:
            await self._clear(abandoned)
            return await self.facts(query)
        return facts_from(query, found, usage or {})

    async def decide(self, proposal: Proposal) -> DecisionResult:
        """As `Decisions.decide`: one call, one more with a cooldown, two more on MongoDB before 8.0."""
        cooldown = proposal.cooldown if proposal.budget is not None else None
        if cooldown is None:
            return await self._decide(proposal)
        cooling_down = await self._cooldowns.take(proposal, cooldown)
        if cooling_down is not None:
            return await self._earlier(proposal.event_id) or cooling_down
        result = await self._decide(proposal)
        if not (isinstance(result, StandingDecision) and result.decision.approved):
            await self._cooldowns.end(cooldown.id, proposal.event_id)
        return result

    async def _decide(self, proposal: Proposal) -> DecisionResult:
        return await self._approve_at_once(proposal) or await self._decide_in_steps(proposal)

    async def _approve_at_once(self, proposal: Proposal) -> StandingDecision | None:
        """Count, decide and join the delivery order in one call; None: the steps have to find out what stands."""
        budget, position, end = proposal.budget, proposal.position, proposal.order_end
        reserving = None if budget is None else self._quotas.reserving(proposal, budget)
        if reserving is None:
            return None
        free, fields = _decision(proposal, reserving.mark)
        writes = [reserving.write, Write("decisions", free, {"$set": fields, **TOUCH}, upsert=True)]
        if position is not None and end is not None:
            writes.append(joining(position, end, proposal.event_id, proposal.now))
        made = await self._writes.made(writes)
        if not made:
            return None
        self._quotas.reserved(reserving)
        if len(made) == 1:  # the event is decided, or this process was taken for dead
            standing = await self._write(proposal, reserving.mark)
            return standing and await self._enqueue(proposal, standing)
        self._quotas.settle(reserving.mark)
        standing = StandingDecision(proposal.decision, fresh=True)
        if end is not None and made[2:] == [True]:
            return replace(standing, after=end.newest)
        return await self._enqueue(proposal, standing)

    async def _decide_in_steps(self, proposal: Proposal) -> DecisionResult:
        for _ in range(_TRIES):
            mark: Mark | None = None
            if proposal.budget is not None:
                reserved, abandoned = await self._quotas.reserve(proposal, proposal.budget)
                await self._clear(abandoned)
                if isinstance(reserved, QuotaExhausted):
                    if abandoned:
                        continue
                    return await self._earlier(proposal.event_id) or reserved
                mark = reserved
            standing = await self._write(proposal, mark)
            if standing is not None:
                return await self._enqueue(proposal, standing)
        raise unavailable("store")

    async def cooling_down(self, cooldown: Cooldown, now: datetime) -> CoolingDown | None:
        """As `Decisions.cooling_down`."""
        return await self._cooldowns.running(cooldown, now)

    async def release(self, event_id: str, now: datetime) -> bool:
        """As `Decisions.release`."""
        made = await self._decided(event_id)
        if made is None or "token" not in made:
            return False
        if "returned" in made:  # the process that returned it may have died before it removed the count
            await self._quotas.remove(_mark_from(made, made["returned"], now), uncount=True)
            await self._end_cooldown(made)
            return False
        mark = _mark_from(made, ObjectId(), now)
        await self._quotas.mark_return(mark)
        returned = await run(
            self._decisions.find_one_and_update(
                {"_id": event_id, "returned": {"$exists": False}, "barred": {"$ne": mark.token}},
                {"$set": {"returned": mark.token}},
            )
        )
        await self._quotas.remove(mark, uncount=returned is not None)
        if returned is not None:
            await self._end_cooldown(made)
        return returned is not None

    async def _end_cooldown(self, made: Document) -> None:
        if "cooldown" in made:
            await self._cooldowns.end(made["cooldown"], made["_id"])

    async def _write(self, proposal: Proposal, mark: Mark | None) -> StandingDecision | None:
        """Write the decision unless there is one; None when its mark was cleared in the meantime."""
        free, fields = _decision(proposal, mark)
        written = await unless_duplicate(
            self._decisions.find_one_and_update(free, {"$set": fields, **TOUCH}, upsert=True)
        )
        fresh = written is not DUPLICATE_KEY
        made = fields if fresh else await self._decided(proposal.event_id)
        if made is None:
            return None
        if mark is not None and made.get("token") == mark.token:
            self._quotas.settle(mark)
        elif mark is not None:
            await self._quotas.remove(mark, uncount=True)
        return StandingDecision(proposal.decision if fresh else Decision.from_stored(made["outcome"]), fresh)

    async def _enqueue(self, proposal: Proposal, standing: StandingDecision) -> StandingDecision:
        """Add a fresh approval to the delivery order. If the process dies before, the next delivery adds it."""
        position = proposal.position
        if not standing.fresh or proposal.budget is None or position is None:
            return standing
        after = await self._delivery_order.enqueue(
            number_id=position.number_id,
            customer_key=position.customer_key,
            event_id=proposal.event_id,
            now=proposal.now,
        )
        return replace(standing, after=after)

    async def _earlier(self, event_id: str) -> StandingDecision | None:
        made = await self._decided(event_id)
        return None if made is None else StandingDecision(Decision.from_stored(made["outcome"]), fresh=False)

    async def _decided(self, event_id: str) -> Document | None:
        """The event's decision. A write, so that what it finds has reached a majority and survives a failover."""
        decided = {"_id": event_id, "outcome": {"$exists": True}}
        found: Document | None = await run(self._decisions.find_one_and_update(decided, TOUCH, return_document=AFTER))
        return found

    async def _clear(self, marks: list[Mark]) -> None:
        """Bar the marks' tokens and remove the marks, each with its count if the count must not stand."""
        for mark in marks:
            stands = await (self._reserved(mark) if mark.kind == RESERVING else self._returned(mark))
            await self._quotas.remove(mark, uncount=stands is (mark.kind == RETURNING))

    async def _reserved(self, mark: Mark) -> bool:
        """Whether the mark's approval stands. If there is no decision yet, none can be made with this mark any more."""
        barred = await unless_duplicate(
            self._decisions.find_one_and_update(
                {"_id": mark.event_id, **_UNDECIDED}, {"$addToSet": {"barred": mark.token}, **TOUCH}, upsert=True
            )
        )
        made = await self._decided(mark.event_id) if barred is DUPLICATE_KEY else None
        return made is not None and made.get("token") == mark.token

    async def _returned(self, mark: Mark) -> bool:
        """Whether the quota was returned under this mark. If not, it cannot be any more."""
        open_ = {"_id": mark.event_id, "returned": {"$exists": False}}
        barred = await run(self._decisions.find_one_and_update(open_, {"$addToSet": {"barred": mark.token}}))
        made = await self._decided(mark.event_id) if barred is None else None
        return made is not None and made.get("returned") == mark.token


def _decision(proposal: Proposal, mark: Mark | None) -> tuple[Document, Document]:
    """The filter of a document that may be decided, and the fields that decide it."""
    free: Document = {"_id": proposal.event_id, **_UNDECIDED}
    fields: Document = {"outcome": proposal.decision.stored()}
    if mark is not None:
        free["barred"] = {"$ne": mark.token}
        fields |= {name: getattr(mark, name) for name in ("token", "account_id", "day", "month")}
        if proposal.cooldown is not None:
            fields["cooldown"] = proposal.cooldown.id
    return free, fields


def _mark_from(made: Document, token: ObjectId, now: datetime) -> Mark:
    return Mark(
        kind=RETURNING,
        account_id=made["account_id"],
        token=token,
        event_id=made["_id"],
        day=made["day"],
        month=made["month"],
        slot=slot_from(now),
        at=now.timestamp(),
    )
