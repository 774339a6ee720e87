"""`Pacing` in MongoDB, and the rate-limit buckets: one document per number, business account and app.

The rule: each change is one update pipeline (`libs.store.mongo.slot_pipelines`), which the database computes from what
is stored. There is no lock and no loop, so a claim waits for no other one and is refused for want of room alone. A slot
whose claimant died makes the bucket a little slower, never faster.
"""

from datetime import datetime
from typing import Final

from libs.contracts.errors import unavailable
from libs.store.claim_rules import PACED, bucket_id, bucket_ids, holds_at, slowest_of
from libs.store.ledger import Claim, RateLimited, Seen
from libs.store.mongo import slot_pipelines
from libs.store.mongo.database import AFTER, Database, Document, DuplicateKey, run, unless_duplicate

_ANSWER: Final = {"waits": True, "taken": True}
"""A busy number's document has 100 KB, which no claim needs."""


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

    async def take(self, claim: Claim, seen: Seen, *, once: bool = False) -> float | RateLimited:
        """Take a slot of the claim's number and of its pair, or none of both; returns the seconds until the slot.

        A hold of the business account or the app that is stored after `seen` was read counts from the next claim on.
        With `once`, deliveries of one event that pass each other are given the same slot.
        """
        number, *_ = bucket_ids(claim)
        now = claim.now.timestamp()
        held = holds_at(seen, claim.now)
        waits = {scope: max(0.0, until - now) for scope, until in zip(("waba", "app"), held, strict=True)}
        admit = max(waits.values()) <= claim.pace.max_wait
        document = await self.update(number, slot_pipelines.slots(claim, max(held), others_admit=admit, once=once))
        waits = {**dict(zip(PACED, document["waits"], strict=True)), **waits}
        scope = slowest_of(waits)
        return waits[scope] if document["taken"] else RateLimited(waits[scope], scope)

    async def forget(self, number_id: str, customer_key: str) -> None:
        """Remove a pair, as an erasure does. One whose process dies before leaves with the number's next message."""
        named = {"_id": bucket_id("number", number_id)}
        await run(self._buckets.update_one(named, {"$pull": {"pairs": {"key": customer_key}}}))

    async def update(self, name: str, pipeline: list[Document]) -> Document:
        """Change the bucket, which is made if there is none; returns the answer of `slots` in it."""
        for _ in range(2):  # two processes made the bucket at the same time: now it exists
            found: Document | DuplicateKey = await unless_duplicate(
                self._buckets.find_one_and_update(
                    {"_id": name}, pipeline, projection=_ANSWER, upsert=True, return_document=AFTER
                )
            )
            if not isinstance(found, DuplicateKey):
                return found
        raise unavailable("store")
