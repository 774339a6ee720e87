"""`Templates` in MongoDB: one document per owner, which holds its templates, so that a replacement is one write.

The next date is a second write: a process that dies before it leaves the date of its `take`, and the read is repeated.

A template is at most about 2 KB and WhatsApp allows at most 6,000, so a document stays below MongoDB's 16 MB.
"""

from collections.abc import Sequence
from datetime import datetime

from libs.contracts.known_templates import KnownTemplate
from libs.store.instants import instant_from, micros_from, optional_instant_from
from libs.store.mongo.database import Database, Document, run, unless_duplicate
from libs.store.templates import SYNC_EVERY, Synchronisation, stored_template, template_from_stored


class MongoTemplates:
    """`Templates`. The templates of one name lie under one key of `named`: a template's name has no dot and no `$`."""

    def __init__(self, database: Database) -> None:
        self._owners = database["templates"]

    async def of_name(self, owner: str, name: str) -> Sequence[KnownTemplate]:
        """As `Templates.of_name`."""
        found = await run(self._owners.find_one({"_id": owner}, {f"named.{name}": 1})) or {}
        return [template_from_stored(body) for body in found.get("named", {}).get(name, ())]

    async def all_of(self, owner: str) -> Sequence[KnownTemplate]:
        """As `Templates.all_of`."""
        found = await run(self._owners.find_one({"_id": owner}, {"named": 1})) or {}
        return [template_from_stored(body) for _, bodies in sorted(found.get("named", {}).items()) for body in bodies]

    async def replace(self, owner: str, templates: Sequence[KnownTemplate], *, at: datetime) -> None:
        """As `Templates.replace`. A request after `at` stays due: then the date is not changed."""
        named: dict[str, list[str]] = {}
        for each in sorted(templates, key=lambda each: each.language):
            named.setdefault(each.name, []).append(stored_template(each))
        read_at = micros_from(at)
        values = {"named": named, "synced_at": read_at, "templates": len(templates), "problem": None}
        await self._note(owner, values, read_at=read_at, due_at=micros_from(at + SYNC_EVERY))

    async def note_problem(self, owner: str, problem: str, *, at: datetime, due_at: datetime) -> None:
        """As `Templates.note_problem`."""
        await self._note(owner, {"problem": problem}, read_at=micros_from(at), due_at=micros_from(due_at))

    async def request(self, owner: str, number_id: str, at: datetime) -> None:
        """As `Templates.request`."""
        asked = micros_from(at)
        update: Document = {
            "$set": {"number_id": number_id},
            "$min": {"due_at": asked},
            "$max": {"requested_at": asked},
        }
        await run(self._owners.update_one({"_id": owner}, update, upsert=True))

    async def due(self, now: datetime, limit: int) -> Sequence[tuple[str, str]]:
        """As `Templates.due`."""
        wanted = {"due_at": {"$lte": micros_from(now)}}
        fields = {"number_id": 1}
        found = await run(self._owners.find(wanted, fields).sort("due_at", 1).limit(limit).to_list(None))
        return [(each["_id"], each.get("number_id", "")) for each in found]

    async def take(self, owner: str, *, now: datetime, until: datetime) -> bool:
        """As `Templates.take`."""
        due = {"_id": owner, "due_at": {"$lte": micros_from(now)}}
        taken = await run(self._owners.update_one(due, {"$set": {"due_at": micros_from(until)}}))
        return bool(taken.matched_count)

    async def synchronisation(self, owner: str) -> Synchronisation | None:
        """As `Templates.synchronisation`."""
        found = await run(self._owners.find_one({"_id": owner}, {"named": 0}))
        if found is None:
            return None
        return Synchronisation(
            owner=owner,
            synced_at=optional_instant_from(found.get("synced_at")),
            due_at=instant_from(found["due_at"]),
            templates=found.get("templates", 0),
            problem=found.get("problem"),
        )

    async def _note(self, owner: str, values: Document, *, read_at: int, due_at: int) -> None:
        """Write `values` unless a later read is stored, then the next date unless somebody asked after `read_at`."""
        not_newer = {"_id": owner, "synced_at": {"$not": {"$gt": read_at}}}
        update: Document = {"$set": values, "$setOnInsert": {"due_at": due_at}}
        await unless_duplicate(self._owners.update_one(not_newer, update, upsert=True))
        not_asked_since = {"_id": owner, "requested_at": {"$not": {"$gt": read_at}}}
        await run(self._owners.update_one(not_asked_since, {"$set": {"due_at": due_at}}))
