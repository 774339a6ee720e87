"""`Suppressions` in MongoDB: one document per customer and kind.

`stop_at` is the time of the latest request of the active row, `asked_at` that of the customer's latest one, `lift_at`
that of the customer's latest opt-in, which only grows. `stops` are the requests that have no row because one was
active. Each change is one operation whose filter repeats what was read, and which also writes the row and its events.
Former rows stay in the document.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from libs.contracts.errors import unavailable
from libs.store.conversations import Suppression, SuppressionKind, asked_micros, whole_seconds
from libs.store.instants import micros_from
from libs.store.mongo.database import AFTER, DUPLICATE_KEY, Database, Document, run, unless_duplicate
from libs.store.mongo.suppression_documents import (
    activation,
    inclusion,
    lifted_by,
    newest_of,
    outbox,
    row_of,
    suppression_id,
    suppressions_in,
)
from libs.store.outbox import OutboxEvent

_TRIES = 10
"""How often another process may change the document between the read and the write."""


@dataclass(frozen=True, slots=True)
class _OptIn:
    """A customer's opt-in at `at` (microseconds)."""

    account_id: str
    customer_key: str
    name: Document
    at: int
    deduplication_key: str

    @property
    def new(self) -> Document:
        """Matches while the opt-in is not stored."""
        return {"words.word": {"$ne": self.deduplication_key}}


class MongoSuppressions:
    """`Suppressions`."""

    def __init__(self, database: Database) -> None:
        self._suppressions = database["suppressions"]

    async def suppress(self, suppression: Suppression, events: Sequence[OutboxEvent]) -> Suppression:
        """As `Suppressions.suppress`."""
        name = {"_id": suppression_id(suppression.account_id, suppression.customer_key, suppression.kind)}
        new = {**name, "rows.id": {"$ne": suppression.id}, "stops": {"$ne": suppression.id}}
        asked = whole_seconds(micros_from(suppression.latest_at))
        startable = {**new, "active": {"$ne": True}, "lift_at": {"$not": {"$gt": asked}}}
        for _ in range(_TRIES):
            written = await unless_duplicate(
                self._suppressions.find_one_and_update(startable, activation(suppression, events), upsert=True)
            )
            if written is not DUPLICATE_KEY:
                return suppression
            active = {**new, "active": True}
            included = await run(
                self._suppressions.find_one_and_update(active, inclusion(suppression), return_document=AFTER)
            )
            if included is not None:
                return newest_of(included) or suppression
            stored = await run(self._suppressions.find_one(name))
            if stored is None:  # erased in the meantime
                continue
            row = next((row for row in suppressions_in(stored) if row.id == suppression.id), None)
            known = row is not None or suppression.id in stored.get("stops", ())
            if stored["active"] and known:
                return newest_of(stored) or suppression
            if not stored["active"] and (known or stored.get("lift_at", -1) > asked):
                return row or newest_of(stored) or replace(suppression, active=False)
        raise unavailable("store")

    async def lift(
        self,
        *,
        account_id: str,
        customer_key: str,
        kind: SuppressionKind,
        at: datetime,
        events: Sequence[OutboxEvent],
        deduplication_key: str | None = None,
        known: Suppression | None = None,
    ) -> Suppression | None:
        """As `Suppressions.lift`: a read, then one write whose filter checks what was read."""
        when, key = whole_seconds(micros_from(at)), deduplication_key
        name = {"_id": suppression_id(account_id, customer_key, kind)}
        if key is None:
            asked: Document = {"asked_at": {"$not": {"$gte": when}}}
            read = {} if known is None else {"$and": [{"asked_at": asked_micros(known)}]}
            return await self._end(name, asked | read, {"$push": outbox(events)})
        opt_in = _OptIn(account_id, customer_key, name, when, key)
        for _ in range(_TRIES):
            stored = await run(self._suppressions.find_one(name)) or {"active": False}
            earlier = next((each for each in stored.get("words", ()) if each["word"] == key), None)
            if earlier is not None:
                lifted_id = earlier["lifted"]
                return None if lifted_id is None else replace(row_of(stored, lifted_id), active=False)
            if not stored["active"] or stored["stop_at"] >= when:
                if await self._store_opt_in(opt_in):
                    return None
                continue
            pushed = {**outbox(events), **lifted_by(key, stored["id"])}
            later = {**opt_in.new, "id": stored["id"], "stop_at": {"$lt": when}}
            lifted = await self._end(name, later, {"$max": {"lift_at": when}, "$push": pushed})
            if lifted is not None:
                return lifted
        raise unavailable("store")

    async def standing(self, account_id: str, customer_keys: Collection[str]) -> frozenset[SuppressionKind]:
        """As `Suppressions.standing`."""
        names = [suppression_id(account_id, key, kind) for key in customer_keys for kind in SuppressionKind]
        found = self._suppressions.find({"_id": {"$in": names}, "active": True}, {"_id": 1})
        return frozenset(SuppressionKind(each["_id"].rpartition(":")[2]) for each in await run(found.to_list(None)))

    async def page(
        self, *, account_id: str | None, customer_key: str | None, after: str | None, limit: int
    ) -> Sequence[Suppression]:
        """As `Suppressions.page`."""
        given = {"account_id": account_id, "customer_key": customer_key}
        wanted: Document = {"active": True, **{name: value for name, value in given.items() if value is not None}}
        if after is not None:
            wanted["id"] = {"$gt": after}
        found = await run(self._suppressions.find(wanted).sort("id", 1).limit(limit).to_list(None))
        return [row for document in found if (row := newest_of(document)) is not None]

    async def get(self, suppression_id: str) -> Suppression | None:
        """As `Suppressions.get`."""
        found = await run(self._suppressions.find_one({"rows.id": suppression_id}))
        return None if found is None else row_of(found, suppression_id)

    async def _store_opt_in(self, opt_in: _OptIn) -> bool:
        """Store an opt-in that has nothing to lift; False if it has by now, or is stored already."""
        nothing_to_lift = {"$or": [{"active": {"$ne": True}}, {"stop_at": {"$gte": opt_in.at}}]}
        customer = {"account_id": opt_in.account_id, "customer_key": opt_in.customer_key, "active": False}
        stored = {
            "$max": {"lift_at": opt_in.at},
            "$setOnInsert": customer,
            "$push": lifted_by(opt_in.deduplication_key, None),
        }
        written = await unless_duplicate(
            self._suppressions.update_one({**opt_in.name, **opt_in.new, **nothing_to_lift}, stored, upsert=True)
        )
        return written is not DUPLICATE_KEY

    async def _end(self, name: Document, wanted: Document, changes: Document) -> Suppression | None:
        """End the active row if its document is as `wanted`."""
        ended = {"$set": {"active": False}, **changes}
        found = await run(
            self._suppressions.find_one_and_update({**name, "active": True, **wanted}, ended, return_document=AFTER)
        )
        return None if found is None else newest_of(found)
