"""The account of forwards as one document each; taking a try is one operation on it.

The rule: a document that is delivered matches no update.
"""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

from libs.contracts.errors import unavailable
from libs.store.cursors import cursor_from, position_from
from libs.store.forwards import (
    ATTEMPTS_KEPT,
    Attempt,
    Beginning,
    Begun,
    Forward,
    ForwardFilter,
    ForwardPage,
    ForwardState,
    Told,
    Underway,
)
from libs.store.mongo.database import TAKEN, Database, Document, ask, datetime_from, micros_from, unless_taken

_TRIES = 5
_TOUCH: Final = {"$currentDate": {"touched_at": True}}
_NOT_DELIVERED: Final = {"state": {"$ne": ForwardState.DELIVERED.value}}
_PLAIN: Final = ("account_id", "integration_id", "kind", "event_id", "masked_phone")


class MongoForwards:
    """A `Forwards`."""

    def __init__(self, database: Database) -> None:
        self._forwards = database["forwards"]

    async def begin(self, forward: Forward, *, owner: str, now: datetime, lease: timedelta) -> Beginning:
        """As `Forwards.begin`."""
        when = micros_from(now)
        # `$nor` rather than `$or`: an upsert takes fields of a lone `$or` branch into the new document.
        free = {"$nor": [{"state": ForwardState.TRYING.value, "until": {"$gt": when}}]}
        claim = {"state": ForwardState.TRYING.value, "owner": owner, "until": micros_from(now + lease)}
        update = {"$set": {**claim, "updated_at": when}, "$setOnInsert": _document_from(forward), **_TOUCH}
        for _ in range(_TRIES):
            taken = await unless_taken(
                self._forwards.update_one({"_id": forward.id, **_NOT_DELIVERED, **free}, update, upsert=True)
            )
            if taken is not TAKEN:
                return Begun()
            standing = await ask(self._forwards.find_one({"_id": forward.id}))
            if standing is not None and standing["state"] == ForwardState.DELIVERED:
                attempts = standing["attempts"]
                return Told((attempts[-1]["status"] if attempts else None) or 0, standing["tries"])
            if standing is not None and standing["state"] == ForwardState.TRYING and standing["until"] > when:
                return Underway(datetime_from(standing["until"]))
        raise unavailable("store")

    async def end(
        self, forward_id: str, state: ForwardState, *, owner: str, now: datetime, attempt: Attempt | None = None
    ) -> None:
        """As `Forwards.end`."""
        update: Document = {"$set": {"updated_at": micros_from(now)}, **_TOUCH}
        if attempt is not None:
            told = {**asdict(attempt), "at": micros_from(attempt.at)}
            update |= {"$push": {"attempts": {"$each": [told], "$slice": -ATTEMPTS_KEPT}}, "$inc": {"tries": 1}}
        wanted: Document = {"_id": forward_id, **_NOT_DELIVERED}
        ours = wanted if state is ForwardState.DELIVERED else {**wanted, "owner": owner}
        stands = {**update, "$set": {**update["$set"], "state": state.value}}
        if (await ask(self._forwards.update_one(ours, stands))).matched_count == 0:
            await ask(self._forwards.update_one({**wanted, "owner": {"$ne": owner}}, update))

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
        found: list[Document] = await ask(latest_first.to_list(None))
        items = [_forward_from(document) for document in found[:limit]]
        return ForwardPage(items, cursor_from(found[limit - 1]["at"], items[-1].id) if len(found) > limit else None)

    async def get(self, forward_id: str) -> Forward | None:
        """As `Forwards.get`."""
        found = await ask(self._forwards.find_one({"_id": forward_id}))
        return None if found is None else _forward_from(found)


def _document_from(forward: Forward) -> Document:
    plain = {name: getattr(forward, name) for name in _PLAIN}
    return {**plain, "at": micros_from(forward.requested_at), "attempts": [], "tries": 0}


def _forward_from(document: Document) -> Forward:
    attempts: list[dict[str, Any]] = document["attempts"]
    plain: Document = {name: document.get(name) for name in _PLAIN}
    return Forward(
        id=document["_id"],
        requested_at=datetime_from(document["at"]),
        state=ForwardState(document["state"]),
        tries=document["tries"],
        updated_at=datetime_from(document["updated_at"]),
        attempts=tuple(Attempt(**(a | {"at": datetime_from(a["at"])})) for a in attempts),
        **plain,
    )
