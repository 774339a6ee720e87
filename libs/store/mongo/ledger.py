"""The ledger, one document for each event, and the pace, one document for each bucket, without a transaction.

A claim is four steps, each safe to die after:
1. hold the event: its document becomes `waiting` under our token (refused while somebody else holds it), so that from
   here on one claimant alone goes on; nothing was called yet, and after `HOLD_SECONDS` anybody may begin again;
2. read the buckets and decide (`libs.store.claiming`); too fast: the document becomes what it was, nothing is used up;
3. move number's and pair's bucket, each only if it still is what was read, else 2 again; a slot taken by a claimant who
   dies here makes the number a little slower, never faster;
4. `calling`, only if our token still holds: this write is what makes the call ours.

Claims of one process on one number queue up for 2 and 3, so that only other processes can move a bucket under us.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument

from libs.contracts.errors import unavailable
from libs.store.claiming import Entry, State, in_line, kept_by_another, objection_to
from libs.store.ledger import Claim, ClaimAnswer, Claimed, Finished, Held, TooFast
from libs.store.mongo.database import TAKEN, Database, Document, ask, datetime_from, micros_from, unless_taken
from libs.store.mongo.pacing import Buckets

HOLD_SECONDS = 5.0
"""How long a claimant has from step 1 to step 4; one that takes longer may lose the event to another, unharmed."""
_KEPT = ("owner", "account_id", "integration_id", "number_id", "customer_key", "callback_id")
_TRIES = 20
_TOUCH = {"$currentDate": {"touched_at": True}}
_AFTER = ReturnDocument.AFTER


@dataclass(frozen=True, slots=True)
class _Hold:
    """The event is ours to go on with; `before` is its document as it was, None when it is new."""

    token: ObjectId
    before: Document | None

    @property
    def attempt(self) -> int:
        """The attempt that a claim makes."""
        return 1 if self.before is None else int(self.before["attempt"]) + 1


class MongoLedger:
    """`Ledger`."""

    def __init__(self, database: Database) -> None:
        self._entries = database["ledger"]
        self._buckets = Buckets(database)

    async def claim(self, claim: Claim) -> ClaimAnswer:
        """As `Ledger.claim`."""
        if claim.after is not None:
            # Read before the event is held: that one is done for ever once it is, so the answer cannot grow false.
            behind = in_line(claim, await self._entry(claim.after))
            if behind is not None:
                return objection_to(claim, await self._entry(claim.event_id)) or behind
        hold = await self._hold(claim)
        if not isinstance(hold, _Hold):
            return hold
        slots = await self._buckets.take(claim)
        if isinstance(slots, TooFast):
            await self._let_go(claim, hold)
            return slots
        until = claim.now + timedelta(seconds=slots.wait + claim.lease_seconds)
        called = await ask(
            self._entries.update_one(
                {"_id": claim.event_id, "token": hold.token, "state": State.WAITING.value},
                {
                    "$set": {"state": State.CALLING.value, "until": micros_from(until), "attempt": hold.attempt},
                    **_TOUCH,
                },
            )
        )
        if called.matched_count:
            return Claimed(slots.wait, hold.attempt)
        entry = await self._entry(claim.event_id)
        return objection_to(claim, entry) or Held(claim.now + timedelta(seconds=HOLD_SECONDS))

    async def failed_surely(self, event_id: str, *, owner: str, until: datetime) -> None:
        """As `Ledger.failed_surely`."""
        called = {"_id": event_id, "owner": owner, "state": State.CALLING.value}
        await ask(
            self._entries.update_one(called, {"$set": {"state": State.WAITING.value, "until": micros_from(until)}})
        )

    async def finish(
        self, event_id: str, outcome: bytes, *, now: datetime, message_id: str | None = None, owner: str | None = None
    ) -> Finished | Held:
        """As `Ledger.finish`."""
        done: Document = {"state": State.FINISHED.value, "outcome": outcome, "at": micros_from(now)}
        if message_id is not None:
            done["message_id"] = message_id
        open_: Document = {"_id": event_id, "outcome": {"$exists": False}}
        if owner is not None:
            free = ({"state": {"$ne": State.CALLING.value}}, {"owner": owner}, {"until": {"$lte": micros_from(now)}})
            open_["$or"] = list(free)
        for _ in range(_TRIES):
            written = await unless_taken(self._entries.update_one(open_, {"$set": done, **_TOUCH}, upsert=True))
            if written is not TAKEN:
                return Finished(outcome)
            standing = await self._entry(event_id)
            if standing is not None and standing.outcome is not None:
                return Finished(standing.outcome)
            kept = kept_by_another(standing, owner, now)
            if kept is not None:
                return kept
        raise unavailable("store")

    async def _hold(self, claim: Claim) -> _Hold | ClaimAnswer:
        now, token = micros_from(claim.now), ObjectId()
        claimable = {
            "_id": claim.event_id,
            "state": State.WAITING.value,
            "$or": [{"owner": claim.owner}, {"until": {"$lte": now}}],
        }
        ours = {name: getattr(claim, name) for name in _KEPT}
        ours |= {"token": token, "until": micros_from(claim.now + timedelta(seconds=HOLD_SECONDS))}
        for _ in range(_TRIES):
            before: Any = await unless_taken(
                self._entries.find_one_and_update(
                    claimable, {"$set": ours, "$setOnInsert": {"attempt": 0}, **_TOUCH}, upsert=True
                )
            )
            if before is not TAKEN:
                return _Hold(token, before)
            objection = objection_to(claim, await self._entry(claim.event_id))
            if objection is not None:
                return objection
        raise unavailable("store")

    async def _let_go(self, claim: Claim, hold: _Hold) -> None:
        ours = {"_id": claim.event_id, "token": hold.token, "state": State.WAITING.value}
        if hold.before is None:
            await ask(self._entries.delete_one(ours))
        else:
            was = {name: hold.before.get(name) for name in ("owner", "token", "until")}
            await ask(self._entries.update_one(ours, {"$set": was}))

    async def _entry(self, event_id: str) -> Entry | None:
        found = await ask(self._entries.find_one_and_update({"_id": event_id}, _TOUCH, return_document=_AFTER))
        if found is None:
            return None
        until = datetime_from(found.get("until", 0))
        return Entry(found["state"], found.get("owner", ""), found.get("attempt", 0), until, found.get("outcome"))
