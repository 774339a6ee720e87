"""Decisions, one document for each event, and the quota that approvals use up, without a transaction.

What becomes of an event is settled by one write: setting `outcome` where there is none, in the document named by the
event (so it is the unique `_id` that makes the first one win). The quota is another document's (`quotas`), so it is
counted *before*, under a mark, and the decision names the mark's token:

1. count in the account's document and leave the mark, only while both limits allow it: so limits are never exceeded;
2. write the decision with the token; 3. take the mark away.

Who dies after 1 leaves a mark. The same event again finds it and goes on with it, so it is counted once. Who loses 2
(to a withdrawal, or to a twin) takes mark and count away, unless the winner's token is this very mark's. What nobody
comes back to is cleared up by whoever next sees the account's marks (`facts` and `settle`) when they are a minute old:
first the decision is *barred* from taking that token (a write to the decision's document, refused if there is a
decision), only then are mark and count taken away. Whoever was merely slow finds its token barred and begins anew with
another, so no pause is long enough to let an approval slip through uncounted, and no clock has to be right.

Giving back mirrors it: 1. leave a mark that counts nothing; 2. the decision names its token as the one `returned` (the
first wins); 3. mark and count go together. A mark without 2 goes alone, its token barred first.

A cooldown (`cooldowns`) is a third document: it is taken first, the decision names it, and it counts no longer than the
decision stands behind it.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument

from libs.contracts.errors import unavailable
from libs.store.conversations import SuppressionKind
from libs.store.decisions import (
    Cooldown,
    CoolingDown,
    Exhausted,
    Proposal,
    Question,
    Settled,
    Settlement,
    StoredFacts,
    Usage,
)
from libs.store.mongo.conversations import conversation_from, conversation_id, suppression_id
from libs.store.mongo.cooldowns import Cooldowns
from libs.store.mongo.database import TAKEN, Database, Document, ask, rows_of, unless_taken
from libs.store.mongo.quotas import RESERVING, RETURNING, Mark, Quotas, left_behind
from libs.store.mongo.turns import MongoTurns
from libs.store.speed import Speed, slot_from, speed_in

_TRIES = 10
_AFTER = ReturnDocument.AFTER
_TOUCH = {"$currentDate": {"touched_at": True}}
_UNDECIDED = {"outcome": {"$exists": False}}


class MongoDecisions:
    """`Decisions`."""

    def __init__(self, database: Database) -> None:
        self._decisions = database["decisions"]
        self._quotas = Quotas(database)
        self._cooldowns = Cooldowns(database)
        self._turns = MongoTurns(database)

    async def facts(self, question: Question) -> StoredFacts:
        """As `Decisions.facts`: one aggregation over four collections, each entered by `_id`."""
        found = await rows_of(self._decisions, _facts_pipeline(question))
        usage = next((row for row in found if row["source"] == "usage"), None)
        left = left_behind(usage, question.now)
        if left:
            await self._clear_up(left)
            return await self.facts(question)
        return _facts_from(question, found, usage or {})

    async def settle(self, proposal: Proposal) -> Settlement:
        """As `Decisions.settle`: three writes for an approval (one more with a cooldown), one for anything else."""
        if proposal.budget is not None and proposal.cooldown is not None:
            cooling = await self._cooldowns.take(proposal, proposal.cooldown)
            if cooling is not None:
                made = await self._standing(proposal.event_id)
                return cooling if made is None else Settled(made["outcome"], fresh=False)
        for _ in range(_TRIES):
            mark: Mark | None = None
            if proposal.budget is not None:
                reserved, left = await self._quotas.reserve(proposal.event_id, proposal.budget, proposal.now)
                await self._clear_up(left)
                if isinstance(reserved, Exhausted):
                    if left:
                        continue
                    made = await self._standing(proposal.event_id)
                    return reserved if made is None else Settled(made["outcome"], fresh=False)
                mark = reserved
            settled = await self._decide(proposal, mark)
            if settled is not None:
                return await self._in_line(proposal, settled)
        raise unavailable("store")

    async def cooling_down(self, cooldown: Cooldown, now: datetime) -> CoolingDown | None:
        """As `Decisions.cooling_down`."""
        return await self._cooldowns.running(cooldown, now)

    async def release(self, event_id: str, now: datetime) -> bool:
        """As `Decisions.release`."""
        made = await self._standing(event_id)
        if made is None or "token" not in made:
            return False
        if "returned" in made:  # by somebody who may have died before the count went
            await self._quotas.close(_mark_from(made, made["returned"], now), give_back=True)
            return False
        mark = _mark_from(made, ObjectId(), now)
        await self._quotas.intend_to_return(mark)
        returned = await ask(
            self._decisions.find_one_and_update(
                {"_id": event_id, "returned": {"$exists": False}, "barred": {"$ne": mark.token}},
                {"$set": {"returned": mark.token}},
            )
        )
        await self._quotas.close(mark, give_back=returned is not None)
        return returned is not None

    async def _decide(self, proposal: Proposal, mark: Mark | None) -> Settled | None:
        """Write the decision unless there is one; None when its mark was cleared up meanwhile."""
        free: Document = {"_id": proposal.event_id, **_UNDECIDED}
        fields: Document = {"outcome": proposal.outcome}
        if mark is not None:
            free["barred"] = {"$ne": mark.token}
            fields |= {name: getattr(mark, name) for name in ("token", "account_id", "day", "month")}
            if proposal.cooldown is not None:
                fields["cooldown"] = proposal.cooldown.id
        written = await unless_taken(self._decisions.find_one_and_update(free, {"$set": fields, **_TOUCH}, upsert=True))
        made = fields if written is not TAKEN else await self._standing(proposal.event_id)
        if made is None:
            return None
        if mark is not None:
            await self._quotas.close(mark, give_back=made.get("token") != mark.token)
        return Settled(made["outcome"], fresh=written is not TAKEN)

    async def _in_line(self, proposal: Proposal, settled: Settled) -> Settled:
        """Get a fresh approval in line. Who dies before has decided, and gets in line when asked again."""
        place = proposal.place
        if not settled.fresh or proposal.budget is None or place is None:
            return settled
        after = await self._turns.take(
            number_id=place.number_id, customer_key=place.customer_key, event_id=proposal.event_id, now=proposal.now
        )
        return replace(settled, after=after)

    async def _standing(self, event_id: str) -> Document | None:
        """The event's decision. A write, so that what it finds has reached a majority and survives a failover."""
        decided = {"_id": event_id, "outcome": {"$exists": True}}
        found: Document | None = await ask(self._decisions.find_one_and_update(decided, _TOUCH, return_document=_AFTER))
        return found

    async def _clear_up(self, left: list[Mark]) -> None:
        for mark in left:
            stands = await (self._reserved(mark) if mark.kind == RESERVING else self._returned(mark))
            await self._quotas.close(mark, give_back=stands is (mark.kind == RETURNING))

    async def _reserved(self, mark: Mark) -> bool:
        """Whether the mark's approval stands; if there is no decision yet, none can be made with this mark from now."""
        barred = await unless_taken(
            self._decisions.find_one_and_update(
                {"_id": mark.event_id, **_UNDECIDED}, {"$addToSet": {"barred": mark.token}, **_TOUCH}, upsert=True
            )
        )
        made = await self._standing(mark.event_id) if barred is TAKEN else None
        return made is not None and made.get("token") == mark.token

    async def _returned(self, mark: Mark) -> bool:
        """Whether the decision was returned under this mark; if not, it cannot be from now."""
        open_ = {"_id": mark.event_id, "returned": {"$exists": False}}
        barred = await ask(self._decisions.find_one_and_update(open_, {"$addToSet": {"barred": mark.token}}))
        made = await self._standing(mark.event_id) if barred is None else None
        return made is not None and made.get("returned") == mark.token


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


def _facts_pipeline(question: Question) -> list[Document]:
    account, keys = question.account_id, question.customer_keys
    windows = [conversation_id(question.number_id, key) for key in keys]
    suppressions = [suppression_id(account, key, kind) for key in keys for kind in SuppressionKind]
    usage = dict.fromkeys((f"days.{question.day}", f"months.{question.month}", "speed", RESERVING, RETURNING), 1)
    return [
        *_named("decision", {"_id": question.event_id}, {"outcome": 1}),
        _also("usage", _named("usage", {"_id": account}, usage)),
        _also("conversations", _named("conversation", {"_id": {"$in": windows}})),
        _also("suppressions", _named("suppression", {"_id": {"$in": suppressions}, "active": True}, {"_id": 1})),
    ]


def _named(source: str, wanted: Document, fields: Document | None = None) -> list[Document]:
    projection = [{"$project": fields}] if fields else []
    return [{"$match": wanted}, *projection, {"$set": {"source": source}}]


def _also(collection: str, pipeline: list[Document]) -> Document:
    return {"$unionWith": {"coll": collection, "pipeline": pipeline}}


def _facts_from(question: Question, found: list[Document], usage: Document) -> StoredFacts:
    by: dict[str, list[Document]] = {"decision": [], "usage": [], "conversation": [], "suppression": []}
    for row in found:
        by[row["source"]].append(row)
    known: dict[str, Any] = usage.get("speed", {})
    speed = speed_in(Speed(**known), slot_from(question.now))
    return StoredFacts(
        conversation=conversation_from(by["conversation"]),
        suppressed=frozenset(SuppressionKind(row["_id"].rsplit(":", 1)[1]) for row in by["suppression"]),
        usage=Usage(
            day=usage.get("days", {}).get(question.day, 0),
            month=usage.get("months", {}).get(question.month, 0),
            ten_minutes=speed.count,
            normal=speed.normal,
        ),
        decision=next((row["outcome"] for row in by["decision"] if "outcome" in row), None),
    )
