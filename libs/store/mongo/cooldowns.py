"""Cooldowns in MongoDB: one document each, written before the decision that it belongs to.

The rule: a cooldown counts only while its owner's decision may stand. If the owner was decided otherwise, or its quota
was returned, the next event takes the cooldown over, so nothing needs cleaning up. An owner without a decision keeps
its cooldown: it is being decided, or will be delivered again. A cooldown that outlives its owner's decision (10 days)
would then count again, so that `end` removes one whose owner was refused or returned.
"""

from datetime import datetime, timedelta
from typing import Final

from libs.contracts.errors import unavailable
from libs.contracts.stored_times import latest_beginning
from libs.store.decisions import Cooldown, CoolingDown, Proposal
from libs.store.instants import instant_from, micros_from
from libs.store.mongo.database import DUPLICATE_KEY, TOUCH, Database, Document, run, unless_duplicate

_TRIES = 10
_SHORT_S: Final = 86_400
"""A cooldown of a day at most lives two days from its last write; a longer one until a day after its end."""


class Cooldowns:
    """Takes and reads cooldowns."""

    def __init__(self, database: Database) -> None:
        self._cooldowns = database["cooldowns"]
        self._decisions = database["decisions"]

    async def take(self, proposal: Proposal, cooldown: Cooldown) -> CoolingDown | None:
        """Take the cooldown for the proposal's event, which may have it already; or return the one that runs."""
        until = micros_from(proposal.now + timedelta(seconds=cooldown.seconds))
        mine = _lasting(cooldown, proposal, {"event_id": proposal.event_id, "until": until})
        over = {"until": {"$lte": micros_from(proposal.now)}}
        set_back = {"at": _future(proposal.clock or proposal.now)}
        free: Document = {"_id": cooldown.id, "$or": [{"event_id": proposal.event_id}, over, set_back]}
        for _ in range(_TRIES):
            taken = await unless_duplicate(self._cooldowns.find_one_and_update(free, mine, upsert=True))
            if taken is not DUPLICATE_KEY:
                return None
            stored = await run(self._cooldowns.find_one({"_id": cooldown.id}))
            if stored is None:
                continue
            if await self._is_valid(stored):
                return CoolingDown(instant_from(stored["until"]))
            free = {"_id": cooldown.id, "event_id": stored["event_id"]}
        raise unavailable("store")

    async def end(self, cooldown_id: str, event_id: str) -> None:
        """Remove the cooldown of an event that sends nothing; another event's stays. Safe to repeat."""
        await run(self._cooldowns.delete_one({"_id": cooldown_id, "event_id": event_id}))

    async def running(self, cooldown: Cooldown, now: datetime) -> CoolingDown | None:
        """The cooldown that runs at `now`; takes nothing."""
        runs = {"_id": cooldown.id, "until": {"$gt": micros_from(now)}, "at": {"$not": _future(now)}}
        stored = await run(self._cooldowns.find_one(runs))
        if stored is None or not await self._is_valid(stored):
            return None
        return CoolingDown(instant_from(stored["until"]))

    async def _is_valid(self, cooldown: Document) -> bool:
        """Whether the owner's decision may stand. A write, so that what it finds has reached a majority."""
        decided = {"_id": cooldown["event_id"], "outcome": {"$exists": True}}
        owner = await run(self._decisions.find_one_and_update(decided, TOUCH))
        return owner is None or (owner.get("cooldown") == cooldown["_id"] and "returned" not in owner)


def _lasting(cooldown: Cooldown, proposal: Proposal, fields: Document) -> Document:
    """The update that writes a cooldown, with the time at which MongoDB may delete it."""
    fields["at"] = micros_from(proposal.now)
    if cooldown.seconds <= _SHORT_S:
        return {"$set": fields, **TOUCH}
    fields["ends"] = (proposal.clock or proposal.now) + timedelta(seconds=cooldown.seconds)
    return {"$set": fields}


def _future(now: datetime) -> Document:
    """The condition on a time at which something began that it lies in the future: the clock was set back since."""
    return {"$gt": micros_from(latest_beginning(now))}
