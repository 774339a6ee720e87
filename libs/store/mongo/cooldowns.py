"""Cooldowns, one document each, named by what cools down; taken before the decision that they are for.

The rule: a cooldown counts only as long as its owner's decision may stand behind it. So nothing has to be cleared up:
who finds one whose owner was decided otherwise, or gave its message back, takes it over. An owner that is not decided
yet is left alone: it is under way, or will be delivered again.
"""

from datetime import datetime, timedelta

from libs.contracts.errors import unavailable
from libs.store.decisions import Cooldown, CoolingDown, Proposal
from libs.store.mongo.database import TAKEN, Database, Document, ask, datetime_from, micros_from, unless_taken

_TRIES = 10


class Cooldowns:
    """Who keeps others from the same kind of event, and until when."""

    def __init__(self, database: Database) -> None:
        self._cooldowns = database["cooldowns"]
        self._decisions = database["decisions"]

    async def take(self, proposal: Proposal, cooldown: Cooldown) -> CoolingDown | None:
        """Take the cooldown for the proposal's event, which may have it already; or tell whose time runs."""
        until = micros_from(proposal.now + timedelta(seconds=cooldown.seconds))
        mine = {"$set": {"event_id": proposal.event_id, "until": until}, "$currentDate": {"touched_at": True}}
        over = {"until": {"$lte": micros_from(proposal.now)}}
        free: Document = {"_id": cooldown.id, "$or": [{"event_id": proposal.event_id}, over]}
        for _ in range(_TRIES):
            taken = await unless_taken(self._cooldowns.find_one_and_update(free, mine, upsert=True))
            if taken is not TAKEN:
                return None
            standing = await ask(self._cooldowns.find_one({"_id": cooldown.id}))
            if standing is None:
                continue
            if await self._stands(standing):
                return CoolingDown(datetime_from(standing["until"]))
            free = {"_id": cooldown.id, "event_id": standing["event_id"]}
        raise unavailable("store")

    async def running(self, cooldown: Cooldown, now: datetime) -> CoolingDown | None:
        """Whose time runs at `now`; nothing is taken."""
        standing = await ask(self._cooldowns.find_one({"_id": cooldown.id, "until": {"$gt": micros_from(now)}}))
        if standing is None or not await self._stands(standing):
            return None
        return CoolingDown(datetime_from(standing["until"]))

    async def _stands(self, cooldown: Document) -> bool:
        """A write, as in `decisions`: what it finds has reached a majority."""
        decided = {"_id": cooldown["event_id"], "outcome": {"$exists": True}}
        touched = {"$currentDate": {"touched_at": True}}
        owner = await ask(self._decisions.find_one_and_update(decided, touched))
        return owner is None or (owner.get("cooldown") == cooldown["_id"] and "returned" not in owner)
