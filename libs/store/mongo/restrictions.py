"""`Restrictions`, `StandingRestrictions` and `RestrictionCounts` in MongoDB: a document per account, subject and kind.

The rule: every change is one operation on one document, whose filter checks what the change depends on. It writes the
restriction, the time of the last notice or lift, and the events together.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from libs.contracts.errors import unavailable
from libs.contracts.stored_times import latest_beginning
from libs.store.instants import micros_from
from libs.store.mongo.database import AFTER, DUPLICATE_KEY, Database, Document, aggregate, run, unless_duplicate
from libs.store.mongo.outbox import entries_from
from libs.store.outbox import OutboxEvent
from libs.store.restriction_rows import RENEWED, kept_until, restriction_from, row_from
from libs.store.restrictions import (
    LIFTS_KEPT,
    Added,
    EventsOf,
    Restriction,
    RestrictionKind,
    RestrictionScope,
    Subject,
    slot_of,
    slots_of,
    whole_second,
)

_TRIES = 10
"""How often another process may change the document between the read and the write."""


class MongoRestrictions:
    """All three ports."""

    def __init__(self, database: Database) -> None:
        self._restrictions = database["restrictions"]

    async def add(self, restriction: Restriction, events: Sequence[OutboxEvent]) -> Added:
        """As `Restrictions.add`."""
        row, name = row_from(restriction), {"_id": restriction.slot}
        at = row["reported_at"]
        newer: Document = {**name, "reported_at": {"$not": {"$gte": at}}, "lifted_at": {"$not": {"$gt": at}}}
        ended = {"$or": [{"active": {"$ne": True}}, {"until": {"$lte": row["since"]}}]}
        ends = {"ends": kept_until(restriction.until)}
        began = {"$set": {**row, **ends, "active": True}, "$push": _outbox(events)}
        renewed = {"$set": {**{field: row[field] for field in RENEWED}, **ends}}
        for _ in range(_TRIES):
            written = await unless_duplicate(
                self._restrictions.find_one_and_update({**newer, **ended}, began, upsert=True)
            )
            if written is not DUPLICATE_KEY:
                return Added(restriction_from(row), fresh=True)
            standing = {**newer, "active": True}
            found = await run(self._restrictions.find_one_and_update(standing, renewed, return_document=AFTER))
            if found is not None:
                return Added(restriction_from(found), fresh=False)
            stored = await run(self._restrictions.find_one(name)) or {}
            if stored.get("reported_at", 0) >= at or stored.get("lifted_at", 0) > at:
                return Added(restriction_from(stored) if _stands(stored, row["since"]) else None, fresh=False)
        raise unavailable("store")

    async def lift(
        self, account_id: str, subject: Subject, kind: RestrictionKind, *, at: datetime, events: EventsOf
    ) -> Restriction | None:
        """As `Restrictions.lift`: a read, then one write whose filter checks what was read."""
        name, now = {"_id": slot_of(account_id, subject, kind)}, micros_from(at)
        when = whole_second(now)
        remembered: Document = {"$max": {"lifted_at": when}}
        for _ in range(_TRIES):
            stored = await run(self._restrictions.find_one(name)) or {"active": False}
            read = {**name, "active": True, "id": stored.get("id"), "reported_at": stored.get("reported_at")}
            if stored["active"] and stored["reported_at"] > when:
                if (await run(self._restrictions.update_one(read, remembered))).matched_count:
                    return None
                continue
            if _stands(stored, now):
                restriction = restriction_from(stored)
                ended = {"$set": {"active": False, "ends": at + LIFTS_KEPT}, "$push": _outbox(events(restriction))}
                if (await run(self._restrictions.update_one(read, {**remembered, **ended}))).matched_count:
                    return restriction
                continue
            ended_before = {**name, "$or": [{"active": {"$ne": True}}, {"until": {"$lte": now}}]}
            names = {"account_id": account_id, "scope": subject.scope.value, "customer_key": subject.customer_key}
            new = {"$set": {"active": False, "ends": at + LIFTS_KEPT}, "$setOnInsert": names}
            written = await unless_duplicate(
                self._restrictions.update_one(ended_before, {**remembered, **new}, upsert=True)
            )
            if written is not DUPLICATE_KEY:
                return None
        raise unavailable("store")

    async def claim_probe(self, restriction: Restriction, *, now: datetime, next_at: datetime) -> bool:
        """As `Restrictions.claim_probe`."""
        late = {"probe_at": {"$gt": micros_from(latest_beginning(next_at))}}
        over = [{"probe_at": {"$lte": micros_from(now)}}, late]
        due = {"_id": restriction.slot, "$and": [{"$or": over}, standing_at(now)]}
        claimed = await run(self._restrictions.update_one(due, {"$set": {"probe_at": micros_from(next_at)}}))
        return bool(claimed.matched_count)

    async def standing(self, account_id: str, subjects: Collection[Subject], now: datetime) -> Sequence[Restriction]:
        """As `StandingRestrictions.standing`."""
        wanted = {"_id": {"$in": slots_of(account_id, subjects)}, **standing_at(now)}
        return list(map(restriction_from, await run(self._restrictions.find(wanted).to_list(None))))

    async def get(self, restriction_id: str, now: datetime) -> Restriction | None:
        """As `StandingRestrictions.get`."""
        found = await run(self._restrictions.find_one({"id": restriction_id, **standing_at(now)}))
        return None if found is None else restriction_from(found)

    async def page(
        self,
        *,
        account_id: str | None,
        scope: RestrictionScope | None,
        after: str | None,
        limit: int,
        now: datetime,
    ) -> Sequence[Restriction]:
        """As `StandingRestrictions.page`."""
        given = {"account_id": account_id, "scope": scope and scope.value, "id": after and {"$gt": after}}
        wanted: Document = {name: value for name, value in given.items() if value}
        found = self._restrictions.find({**standing_at(now), **wanted}).sort("id", 1).limit(limit)
        return list(map(restriction_from, await run(found.to_list(None))))

    async def count(self, now: datetime) -> Mapping[tuple[RestrictionScope, str], int]:
        """As `RestrictionCounts.count`; reads an index alone."""
        by = {"_id": {"scope": "$scope", "cause": "$cause"}, "count": {"$sum": 1}}
        rows = await aggregate(self._restrictions, [{"$match": standing_at(now)}, {"$group": by}])
        return {(RestrictionScope(row["_id"]["scope"]), row["_id"]["cause"]): row["count"] for row in rows}


def standing_at(now: datetime) -> Document:
    """Matches the restrictions that stand."""
    return {"active": True, "$or": [{"until": None}, {"until": {"$gt": micros_from(now)}}]}


def _stands(stored: Document, now: int) -> bool:
    return bool(stored.get("active")) and (stored["until"] is None or stored["until"] > now)


def _outbox(events: Sequence[OutboxEvent]) -> Document:
    return {"outbox": {"$each": entries_from(events)}}
