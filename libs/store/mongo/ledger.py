"""`Ledger` in MongoDB: one document per event and one per rate-limit bucket, without transactions.

The first claim of an event has three steps. The process may die after each of them:
1. Read whether the ledger has an entry of the event, whether the message before it is finished, and the holds of the
   business account and of the app: the sender's look has done that (`libs.store.mongo.claim_looks`). A `first` claim
   without a message before it goes without: step 3 finds the entry, and its claimant looks for holds after step 3.
2. Read the time, and take the slots of the number and the pair, or none of both, in one update by the database
   (`libs.store.mongo.slot_pipelines`). It remembers the event, so that another delivery of it is given the same slots,
   and neither is told that it is too fast because of the other. Slots whose claimant dies here are taken up by the
   next delivery, or make the number a little slower, never faster.
3. Insert the event's document as `calling`. This write grants the call; of any number of claimants one inserts it.

A claim of an event that has an entry (it was tried before, or is delivered again) must not take slots in vain, so it
takes them in between:
1. Reserve the event: its document gets this claim's token, unless another claim is valid. No call is made yet; after
   `RESERVED_SECONDS` another claimant may start again.
2. Take the slots, as new ones: a further call needs further slots. When rate limited, restore the event's document.
3. Set `calling`, only if the token still holds. This write grants the call.

Releases before this one claimed every event in the second way. Their entries and these are the same, and each way
refuses what the other one holds: a document with the event's id.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bson import ObjectId

from libs.contracts.errors import unavailable
from libs.store.claim_rules import Entry, State, blocked_by, claim_of_other_owner, erased_during, objection_to
from libs.store.instants import instant_from, micros_from
from libs.store.ledger import Claim, ClaimAnswer, Claimed, ClaimInProgress, Finished, RateLimited, Seen
from libs.store.mongo.buckets import Buckets
from libs.store.mongo.claim_looks import MongoClaimLooks
from libs.store.mongo.database import AFTER, DUPLICATE_KEY, TOUCH, Database, Document, run, unless_duplicate
from libs.store.mongo.leases import lease_over

RESERVED_SECONDS = 5.0
"""How long a claimant has from its reservation to `calling`. A slower one may lose the event to another, harmlessly."""
_COPIED = ("owner", "account_id", "integration_id", "number_id", "customer_key", "callback_id", "fallback", "contact")
NAMELESS: Final[Mapping[str, Any]] = {"customer_key": "", "message_id": None, "fallback": None, "contact": None}
"""What an entry has in place of what names its customer, once they were erased."""
_NOT_SEEN: Final = Seen(((0.0, 0.0), (0.0, 0.0)), is_new=True, ahead_finished=False)
"""In place of a look: nothing is held, and the ledger has no entry of the event."""
_ENDED = {"state": True, "erased": True, "number_id": True, "customer_key": True}
_TRIES = 20


@dataclass(frozen=True, slots=True)
class _Reservation:
    """A reserved event; `before` is its document before the reservation, None when it is new."""

    token: ObjectId
    before: Document | None

    @property
    def attempt(self) -> int:
        """The number of the attempt that the claim grants."""
        return 1 if self.before is None else int(self.before["attempt"]) + 1


class MongoLedger:
    """`Ledger`."""

    def __init__(self, database: Database) -> None:
        self._entries = database["ledger"]
        self._buckets = Buckets(database)
        self._looks = MongoClaimLooks(database)

    async def claim(self, claim: Claim) -> ClaimAnswer:
        """As `Ledger.claim`."""
        # Read before the reservation: once the earlier message is finished it stays finished.
        seen = claim.seen or (_NOT_SEEN if claim.first and claim.after is None else await self._looks.seen(claim))
        if claim.after is not None and not seen.ahead_finished:
            blocked = blocked_by(claim, await self._entry(claim.after))
            if blocked is not None:
                return objection_to(claim, await self._entry(claim.event_id)) or blocked
        granted = await self._claim_new(claim, seen) if seen.is_new else None
        return granted or await self._claim_again(claim, seen)

    async def _claim_new(self, claim: Claim, seen: Seen) -> ClaimAnswer | None:
        """Claim an event of which no entry was seen; None when it has one now that may be claimed."""
        claim = claim.as_of_now()
        wait = await self._buckets.take(claim, seen, once=True)
        if isinstance(wait, RateLimited):
            return wait
        no_entry = {"_id": claim.event_id, "state": {"$exists": False}}
        calling = _fields_of(claim) | _calling(claim, wait, attempt=1)
        granted = await unless_duplicate(self._entries.update_one(no_entry, {"$set": calling, **TOUCH}, upsert=True))
        if granted is not DUPLICATE_KEY:
            return Claimed(wait, 1)
        return objection_to(claim, await self._entry(claim.event_id))

    async def _claim_again(self, claim: Claim, seen: Seen) -> ClaimAnswer:
        reservation = await self._reserve(claim)
        if not isinstance(reservation, _Reservation):
            return reservation
        claim = claim.as_of_now()
        wait = await self._buckets.take(claim, seen)
        if isinstance(wait, RateLimited):
            await self._cancel(claim, reservation)
            return wait
        calling = _calling(claim, wait, attempt=reservation.attempt)
        granted = await run(self._entries.update_one(_reserved(claim, reservation), {"$set": calling, **TOUCH}))
        if granted.matched_count:
            return Claimed(wait, reservation.attempt)
        entry = await self._entry(claim.event_id)
        return objection_to(claim, entry) or ClaimInProgress(claim.now + timedelta(seconds=RESERVED_SECONDS))

    async def mark_not_sent(self, event_id: str, *, owner: str, until: datetime, counts: bool = True) -> None:
        """As `Ledger.mark_not_sent`."""
        called = {"_id": event_id, "owner": owner, "state": State.CALLING.value}
        waiting = {"state": State.WAITING.value, "until": micros_from(until)}
        await run(self._entries.update_one(called, {"$set": waiting, "$inc": {"attempt": 0 if counts else -1}}))

    async def finish(
        self,
        event_id: str,
        outcome: bytes,
        *,
        now: datetime,
        message_id: str | None = None,
        owner: str | None = None,
        forget: bool = False,
    ) -> Finished | ClaimInProgress:
        """As `Ledger.finish`."""
        done: Document = {"state": State.FINISHED.value, "outcome": outcome, "at": micros_from(now)}
        if message_id is not None:
            done["message_id"] = message_id
        if forget:
            done |= NAMELESS
        open_: Document = {"_id": event_id, "outcome": {"$exists": False}}
        if owner is not None:
            free = ({"state": {"$ne": State.CALLING.value}}, {"owner": owner}, *lease_over(now))
            open_["$or"] = list(free)
        for _ in range(_TRIES):
            before: Any = await unless_duplicate(
                self._entries.find_one_and_update(open_, {"$set": done, **TOUCH}, projection=_ENDED, upsert=True)
            )
            if before is not DUPLICATE_KEY:
                before = before or {}
                if forget and before.get("customer_key"):
                    await self._buckets.forget(before["number_id"], before["customer_key"])
                return Finished(outcome, erased_during(before.get("state"), erased=before.get("erased", False)))
            stored = await self._entry(event_id)
            if stored is not None and stored.outcome is not None:
                return Finished(stored.outcome)
            other = claim_of_other_owner(stored, owner, now)
            if other is not None:
                return other
        raise unavailable("store")

    async def _reserve(self, claim: Claim) -> _Reservation | ClaimAnswer:
        token = ObjectId()
        claimable = {
            "_id": claim.event_id,
            "state": State.WAITING.value,
            "$or": [{"owner": claim.owner}, *lease_over(claim.now)],
        }
        until = micros_from(claim.now + timedelta(seconds=RESERVED_SECONDS))
        fields = _fields_of(claim) | {"token": token, "until": until}
        for _ in range(_TRIES):
            before: Any = await unless_duplicate(
                self._entries.find_one_and_update(
                    claimable, {"$set": fields, "$setOnInsert": {"attempt": 0}, **TOUCH}, upsert=True
                )
            )
            if before is not DUPLICATE_KEY:
                return _Reservation(token, before)
            objection = objection_to(claim, await self._entry(claim.event_id))
            if objection is not None:
                return objection
        raise unavailable("store")

    async def _cancel(self, claim: Claim, reservation: _Reservation) -> None:
        mine = _reserved(claim, reservation)
        if reservation.before is None:
            await run(self._entries.delete_one(mine))
        else:
            before = {name: reservation.before.get(name) for name in ("owner", "token", "until")}
            await run(self._entries.update_one(mine, {"$set": before}))

    async def _entry(self, event_id: str) -> Entry | None:
        """The event's entry. A write, so that what it finds has reached a majority and survives a failover."""
        found = await run(self._entries.find_one_and_update({"_id": event_id}, TOUCH, return_document=AFTER))
        if found is None:
            return None
        until = instant_from(found.get("until", 0))
        return Entry(found["state"], found.get("owner", ""), found.get("attempt", 0), until, found.get("outcome"))


def _fields_of(claim: Claim) -> Document:
    return {name: getattr(claim, name) for name in _COPIED}


def _calling(claim: Claim, wait: float, *, attempt: int) -> Document:
    until = micros_from(claim.now + timedelta(seconds=wait + claim.lease_seconds))
    return {"state": State.CALLING.value, "until": until, "attempt": attempt}


def _reserved(claim: Claim, reservation: _Reservation) -> Document:
    return {"_id": claim.event_id, "token": reservation.token, "state": State.WAITING.value}
