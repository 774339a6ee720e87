"""The pace of numbers, pairs, accounts and the app: one document for each bucket, moved by compare and set.

The rule: a bucket becomes what `libs.store.claiming` says, only if it still is what that was told; a slot that is lost
to somebody who died makes its bucket a little slower, never faster.
"""

import asyncio
from dataclasses import asdict
from datetime import datetime
from weakref import WeakValueDictionary

from libs.contracts.errors import unavailable
from libs.store.claiming import PACED, Bucket, Slots, bucket_id, bucket_ids, held, slots_for
from libs.store.ledger import Claim, TooFast
from libs.store.mongo.database import TAKEN, Database, ask, unless_taken

_TRIES = 20
"""How often others may move a bucket between our look and our write."""
_TOUCH = {"$currentDate": {"touched_at": True}}


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
