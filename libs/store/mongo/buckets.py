"""`Pacing` in MongoDB, and the rate-limit buckets: one document per number, business account and app.

The rule: each change is one update pipeline (`libs.store.mongo.slot_pipelines`), which the database computes from what
is stored. There is no lock and no loop, so a claim waits for no other one and is refused for want of room alone. A slot
whose claimant died makes the bucket a little slower, never faster.
"""

from datetime import datetime

from libs.contracts.errors import unavailable
from libs.store.claim_rules import PACED, Bucket, State, bucket_at, bucket_id, bucket_ids, slowest_of
from libs.store.ledger import Claim, RateLimited
from libs.store.mongo import slot_pipelines
from libs.store.mongo.database import AFTER, Database, Document, DuplicateKey, aggregate, unless_duplicate

_HELD = {"held_until": 1, "held_since": 1}
Holds = list[Document]
"""The stored holds of a claim's business account and of the app; an empty one of each that has none."""


class MongoPacing:
    """`Pacing`."""

    def __init__(self, database: Database) -> None:
        self._buckets = Buckets(database)

    async def hold(self, *, scope: str, key: str, until: datetime, now: datetime, slow_down: float = 1.0) -> None:
        """As `Pacing.hold`."""
        if scope == "pair":
            number_id, _, customer_key = key.rpartition(":")
            held = slot_pipelines.hold_pair(customer_key, until.timestamp(), now.timestamp())
            await self._buckets.update(bucket_id("number", number_id), held)
            return
        held = slot_pipelines.hold(until.timestamp(), slow_down, now.timestamp())
        await self._buckets.update(bucket_id(scope, key), held)


class Buckets:
    """The buckets of all scopes and keys."""

    def __init__(self, database: Database) -> None:
        self._buckets = database["buckets"]

    async def look(self, claim: Claim) -> tuple[Holds, bool]:
        """The holds of the claim's business account and app, and whether the message before it is known to be finished.

        One read. What is finished stays so, and a majority has it; anything else about that message may be out of date.
        """
        _, _, *others = bucket_ids(claim)
        pipeline: list[Document] = [{"$match": {"_id": {"$in": others}}}, {"$project": _HELD}]
        if claim.after is not None:
            ahead = [{"$match": {"_id": claim.after, "state": State.FINISHED.value}}, {"$project": {"state": 1}}]
            pipeline.append({"$unionWith": {"coll": "ledger", "pipeline": ahead}})
        found = {each.pop("_id"): each for each in await aggregate(self._buckets, pipeline)}
        return [found.get(name, {}) for name in others], claim.after in found

    async def take(self, claim: Claim, holds: Holds) -> float | RateLimited:
        """Take a slot of the claim's number and of its pair, or none of both; returns the seconds until the slot.

        A hold of the business account or the app that is stored after `look` has read it counts from the next claim on.
        """
        number, *_ = bucket_ids(claim)
        now = claim.now.timestamp()
        held = [bucket_at(now, Bucket(**each), 0.0).held_until for each in holds]
        waits = {scope: max(0.0, until - now) for scope, until in zip(("waba", "app"), held, strict=True)}
        admit = max(waits.values()) <= claim.pace.max_wait
        document = await self.update(number, slot_pipelines.slots(claim, max(held), others_admit=admit))
        waits = {**dict(zip(PACED, document["waits"], strict=True)), **waits}
        scope = slowest_of(waits)
        return waits[scope] if document["taken"] else RateLimited(waits[scope], scope)

    async def update(self, name: str, pipeline: list[Document]) -> Document:
        """Change the bucket, which is made if there is none; returns the changed document."""
        for _ in range(2):  # two processes made the bucket at the same time: now it exists
            found: Document | DuplicateKey = await unless_duplicate(
                self._buckets.find_one_and_update({"_id": name}, pipeline, upsert=True, return_document=AFTER)
            )
            if not isinstance(found, DuplicateKey):
                return found
        raise unavailable("store")
