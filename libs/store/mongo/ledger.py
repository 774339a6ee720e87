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

import asyncio
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakValueDictionary

from bson import ObjectId
from pymongo import ReturnDocument

from libs.contracts.errors import unavailable
from libs.store.claiming import PACED, Bucket, Entry, Slots, State, bucket_id, bucket_ids, held, objection_to, slots_for
from libs.store.ledger import Claim, ClaimAnswer, Claimed, Finished, Held, TooFast
from libs.store.mongo.database import TAKEN, Database, Document, ask, datetime_from, micros_from, unless_taken

HOLD_SECONDS = 5.0
"""How long a claimant may take from step 1 to step 4; longer than all its calls' time limits that can follow."""
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

    async def finish(self, event_id: str, outcome: bytes, *, now: datetime, message_id: str | None = None) -> Finished:
        """As `Ledger.finish`."""
        done = {"state": State.FINISHED.value, "outcome": outcome, "at": micros_from(now), "message_id": message_id}
        written = await unless_taken(
            self._entries.update_one(
                {"_id": event_id, "outcome": {"$exists": False}}, {"$set": done, **_TOUCH}, upsert=True
            )
        )
        if written is not TAKEN:
            return Finished(outcome)
        # A write, so that what it finds has reached a majority and survives a failover.
        standing = await ask(self._entries.find_one_and_update({"_id": event_id}, _TOUCH, return_document=_AFTER))
        return Finished(standing["outcome"])

    async def _hold(self, claim: Claim) -> _Hold | ClaimAnswer:
        now, token = micros_from(claim.now), ObjectId()
        claimable = {
            "_id": claim.event_id,
            "state": State.WAITING.value,
            "$or": [{"owner": claim.owner}, {"until": {"$lte": now}}],
        }
        ours = {
            "owner": claim.owner,
            "token": token,
            "until": now + int(HOLD_SECONDS * 1_000_000),
            "account_id": claim.account_id,
            "number_id": claim.number_id,
            "customer_key": claim.customer_key,
            "callback_id": claim.callback_id,
        }
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


class MongoPacing:
    """`Pacing`."""

    def __init__(self, database: Database) -> None:
        self._buckets = Buckets(database)

    async def hold(self, *, scope: str, key: str, until: datetime, slow_down: float = 1.0) -> None:
        """As `Pacing.hold`."""
        name = bucket_id(scope, key)
        for _ in range(_TRIES):
            before = (await self._buckets.read([name])).get(name)
            if await self._buckets.move(name, before, held(before or Bucket(), until.timestamp(), slow_down)):
                return
        raise unavailable("store")


class Buckets:
    """The pace of every scope and key."""

    def __init__(self, database: Database) -> None:
        self._buckets = database["buckets"]
        self._queues: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def take(self, claim: Claim) -> Slots | TooFast:
        """Take a slot of the claim's number and pair, or none."""
        queue = self._queues.setdefault(claim.number_id, asyncio.Lock())
        async with queue:
            return await self._take(claim)

    async def read(self, names: list[str]) -> dict[str, Bucket]:
        """The buckets that there are."""
        found = await ask(self._buckets.find({"_id": {"$in": names}}).to_list(None))
        return {each["_id"]: Bucket(**{name: each[name] for name in asdict(Bucket())}) for each in found}

    async def move(self, name: str, before: Bucket | None, after: Bucket) -> bool:
        """Make the bucket `after` if it still is `before`."""
        if before is None:
            made = await unless_taken(
                self._buckets.update_one(
                    {"_id": name, "tat": {"$exists": False}}, {"$set": asdict(after), **_TOUCH}, upsert=True
                )
            )
            return made is not TAKEN
        moved = await ask(self._buckets.update_one({"_id": name, **asdict(before)}, {"$set": asdict(after), **_TOUCH}))
        return bool(moved.matched_count)

    async def _take(self, claim: Claim) -> Slots | TooFast:
        names = bucket_ids(claim)
        taken: dict[str, tuple[Bucket | None, Bucket]] = {}
        for _ in range(_TRIES):
            read = await self.read(list(names))
            known = {**read, **{name: before or Bucket() for name, (before, _) in taken.items()}}
            slots = slots_for(claim, known)
            if isinstance(slots, TooFast):
                break
            for name, tat in zip(names[: len(PACED)], slots.tats, strict=True):
                if name in taken:
                    continue
                before = read.get(name)
                known_as = before or Bucket()
                after = Bucket(tat, known_as.held_until, known_as.factor, known_as.slowed_at)
                if not await self.move(name, before, after):
                    break
                taken[name] = (before, after)
            else:
                return slots
        else:
            slots = TooFast(claim.pace.smooth, PACED[0])
        await self._give_back(taken)
        return slots

    async def _give_back(self, taken: dict[str, tuple[Bucket | None, Bucket]]) -> None:
        """Make buckets what they were, if nobody has moved them since; else the slot is lost, which is only slower."""
        for name, (before, after) in taken.items():
            await self.move(name, after, before or Bucket())
