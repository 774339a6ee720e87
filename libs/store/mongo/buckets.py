"""`Pacing` in MongoDB, and the rate-limit buckets: one document per bucket, updated by compare-and-set.

The rule: a bucket gets the state that `libs.store.claim_rules` computes only if it still has the state that was read. A
slot whose claimant died makes the bucket a little slower, never faster.
"""

import asyncio
from dataclasses import asdict
from datetime import datetime
from weakref import WeakValueDictionary

from libs.contracts.errors import unavailable
from libs.store.claim_rules import PACED, Bucket, Slots, bucket_after_hold, bucket_id, bucket_ids, slots_for
from libs.store.ledger import Claim, RateLimited
from libs.store.mongo.database import DUPLICATE_KEY, TOUCH, Database, run, unless_duplicate

_TRIES = 20
"""How often other processes may update a bucket between the read and the write."""


class MongoPacing:
    """`Pacing`."""

    def __init__(self, database: Database) -> None:
        self._buckets = Buckets(database)

    async def hold(self, *, scope: str, key: str, until: datetime, now: datetime, slow_down: float = 1.0) -> None:
        """As `Pacing.hold`."""
        name = bucket_id(scope, key)
        for _ in range(_TRIES):
            before = (await self._buckets.read([name])).get(name)
            after = bucket_after_hold(before or Bucket(), until.timestamp(), slow_down, now=now.timestamp())
            if await self._buckets.update(name, before, after):
                return
        raise unavailable("store")


class Buckets:
    """The buckets of all scopes and keys."""

    def __init__(self, database: Database) -> None:
        self._buckets = database["buckets"]
        self._queues: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def take(self, claim: Claim) -> Slots | RateLimited:
        """Take a slot of the claim's number and of its pair, or none of both."""
        queue = self._queues.setdefault(claim.number_id, asyncio.Lock())
        async with queue:
            return await self._take(claim)

    async def read(self, names: list[str]) -> dict[str, Bucket]:
        """The stored buckets with these ids."""
        found = await run(self._buckets.find({"_id": {"$in": names}}).to_list(None))
        return {
            each["_id"]: Bucket(**{name: each[name] for name in asdict(Bucket()) if name in each}) for each in found
        }

    async def update(self, name: str, before: Bucket | None, after: Bucket) -> bool:
        """Set the bucket to `after` if it still is `before`; returns whether it was set."""
        if before is None:
            created = await unless_duplicate(
                self._buckets.update_one(
                    {"_id": name, "tat": {"$exists": False}}, {"$set": asdict(after), **TOUCH}, upsert=True
                )
            )
            return created is not DUPLICATE_KEY
        unchanged = {
            "_id": name,
            **asdict(before),
            **({} if before.held_since else {"held_since": {"$in": [0.0, None]}}),
        }
        updated = await run(self._buckets.update_one(unchanged, {"$set": asdict(after), **TOUCH}))
        return bool(updated.matched_count)

    async def _take(self, claim: Claim) -> Slots | RateLimited:
        names = bucket_ids(claim)
        taken: dict[str, tuple[Bucket | None, Bucket]] = {}
        for _ in range(_TRIES):
            read = await self.read(list(names))
            known = {**read, **{name: before or Bucket() for name, (before, _) in taken.items()}}
            slots = slots_for(claim, known)
            if isinstance(slots, RateLimited):
                break
            for name, after in zip(names[: len(PACED)], slots.buckets, strict=True):
                if name in taken:
                    continue
                before = read.get(name)
                if not await self.update(name, before, after):
                    break
                taken[name] = (before, after)
            else:
                return slots
        else:
            slots = RateLimited(claim.pace.max_wait, PACED[0])
        await self._return_slots(taken)
        return slots

    async def _return_slots(self, taken: dict[str, tuple[Bucket | None, Bucket]]) -> None:
        """Restore buckets that were not updated since. A slot that cannot be restored only slows its bucket down."""
        for name, (before, after) in taken.items():
            await self.update(name, after, before or Bucket())
