"""`Forwards` in MongoDB: one document each; starting an attempt is one operation on it.

The rule: no update matches the document of a delivered forward.
"""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

from libs.contracts.errors import unavailable
from libs.contracts.stored_times import brought_back
from libs.store.claim_rules import LONGEST_LEASE
from libs.store.cursors import cursor_from, position_from
from libs.store.forwards import (
    ATTEMPTS_KEPT,
    AlreadyDelivered,
    Attempt,
    DeliveryInProgress,
    Forward,
    ForwardFilter,
    ForwardPage,
    ForwardState,
    Started,
    StartResult,
)
from libs.store.instants import instant_from, micros_from
from libs.store.mongo.database import DUPLICATE_KEY, TOUCH, Database, Document, run, unless_duplicate
from libs.store.mongo.leases import lease_runs

_TRIES = 5
_NOT_DELIVERED: Final = {"state": {"$ne": ForwardState.DELIVERED.value}}
_PLAIN: Final = ("account_id", "integration_id", "kind", "event_id", "masked_phone", "customer_key")


class MongoForwards:
    """`Forwards`."""

    def __init__(self, database: Database) -> None:
        self._forwards = database["forwards"]

    async def start(self, forward: Forward, *, owner: str, now: datetime, lease: timedelta) -> StartResult:
        """As `Forwards.start`."""
        when = micros_from(now)
        # `$nor` rather than `$or`: an upsert copies the fields of a single `$or` branch into the new document.
        free = {"$nor": [{"state": ForwardState.TRYING.value, "until": lease_runs(now)}]}
        claim = {"state": ForwardState.TRYING.value, "owner": owner, "until": micros_from(now + lease)}
        update = {"$set": {**claim, "updated_at": when}, "$setOnInsert": _document_from(forward), **TOUCH}
        for _ in range(_TRIES):
            taken = await unless_duplicate(
                self._forwards.update_one({"_id": forward.id, **_NOT_DELIVERED, **free}, update, upsert=True)
            )
            if taken is not DUPLICATE_KEY:
                return Started()
            stored = await run(self._forwards.find_one({"_id": forward.id}))
            if stored is not None and stored["state"] == ForwardState.DELIVERED:
                attempts = stored["attempts"]
                return AlreadyDelivered((attempts[-1]["status"] if attempts else None) or 0, stored["tries"])
            if stored is not None and stored["state"] == ForwardState.TRYING:
                until = brought_back(instant_from(stored["until"]), now, LONGEST_LEASE)
                if until > now:
                    return DeliveryInProgress(until)
        raise unavailable("store")

    async def finish_attempt(
        self, forward_id: str, state: ForwardState, *, owner: str, now: datetime, attempt: Attempt | None = None
    ) -> None:
        """As `Forwards.finish_attempt`."""
        update: Document = {"$set": {"updated_at": micros_from(now)}, **TOUCH}
        if attempt is not None:
            pushed = {**asdict(attempt), "at": micros_from(attempt.at)}
            update |= {"$push": {"attempts": {"$each": [pushed], "$slice": -ATTEMPTS_KEPT}}, "$inc": {"tries": 1}}
        wanted: Document = {"_id": forward_id, **_NOT_DELIVERED}
        owned = wanted if state is ForwardState.DELIVERED else {**wanted, "owner": owner}
        updated = {**update, "$set": {**update["$set"], "state": state.value}}
        if (await run(self._forwards.update_one(owned, updated))).matched_count == 0:
            await run(self._forwards.update_one({**wanted, "owner": {"$ne": owner}}, update))

    async def page(self, wanted: ForwardFilter, *, limit: int, cursor: str | None) -> ForwardPage:
        """As `Forwards.page`."""
        given = {"account_id": wanted.account_id, "integration_id": wanted.integration_id, "state": wanted.state}
        terms: list[Document] = [{name: str(value)} for name, value in given.items() if value is not None]
        if cursor is not None:
            at, row_id = position_from(cursor)
            terms.append({"at": {"$lte": at}})
            terms.append({"$or": [{"at": {"$lt": at}}, {"_id": {"$lt": row_id}}]})
        query = {"$and": terms} if terms else {}
        latest_first = self._forwards.find(query).sort([("at", -1), ("_id", -1)]).limit(limit + 1)
        found: list[Document] = await run(latest_first.to_list(None))
        items = [_forward_from(document) for document in found[:limit]]
        return ForwardPage(items, cursor_from(found[limit - 1]["at"], items[-1].id) if len(found) > limit else None)

    async def get(self, forward_id: str) -> Forward | None:
        """As `Forwards.get`."""
        found = await run(self._forwards.find_one({"_id": forward_id}))
        return None if found is None else _forward_from(found)


def _document_from(forward: Forward) -> Document:
    plain = {name: getattr(forward, name) for name in _PLAIN}
    return {**plain, "at": micros_from(forward.requested_at), "attempts": [], "tries": 0}


def _forward_from(document: Document) -> Forward:
    attempts: list[dict[str, Any]] = document["attempts"]
    plain: Document = {name: document.get(name) for name in _PLAIN}
    return Forward(
        id=document["_id"],
        requested_at=instant_from(document["at"]),
        state=ForwardState(document["state"]),
        tries=document["tries"],
        updated_at=instant_from(document["updated_at"]),
        attempts=tuple(Attempt(**(a | {"at": instant_from(a["at"])})) for a in attempts),
        **plain,
    )
