"""`Templates` in SQLite: one row per template and language, and one per owner with the state of its synchronisation."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from libs.contracts.known_templates import KnownTemplate
from libs.store.instants import instant_from, micros_from, optional_instant_from
from libs.store.sqlite.database import Database
from libs.store.templates import SYNC_EVERY, Synchronisation, stored_template, template_from_stored

_NOTE = (
    "INSERT INTO template_syncs (owner, number_id, synced_at, due_at, templates, problem) "
    "VALUES (:owner, '', :synced, :due, :count, :problem) ON CONFLICT (owner) DO UPDATE SET "
    "synced_at = ifnull(excluded.synced_at, synced_at), templates = ifnull(excluded.templates, templates), "
    "problem = excluded.problem, due_at = CASE WHEN requested_at > :at THEN due_at ELSE :due END"
)
"""A request that came after the read stays due at its time."""
_REQUEST = (
    "INSERT INTO template_syncs (owner, number_id, requested_at, due_at) VALUES (:owner, :number, :at, :at) "
    "ON CONFLICT (owner) DO UPDATE SET number_id = :number, requested_at = max(ifnull(requested_at, 0), :at), "
    "due_at = min(due_at, :at)"
)


@dataclass(frozen=True, slots=True)
class SqliteTemplates:
    """`Templates`."""

    main: Database

    async def of_name(self, owner: str, name: str) -> Sequence[KnownTemplate]:
        """As `Templates.of_name`."""
        sql = "SELECT body FROM known_templates WHERE owner = ? AND name = ? ORDER BY language"
        return [template_from_stored(body) for (body,) in self.main.few_rows(sql, (owner, name))]

    async def all_of(self, owner: str) -> Sequence[KnownTemplate]:
        """As `Templates.all_of`."""
        sql = "SELECT body FROM known_templates WHERE owner = ? ORDER BY name, language"
        return [template_from_stored(body) for (body,) in await self.main.rows(sql, (owner,))]

    async def replace(self, owner: str, templates: Sequence[KnownTemplate], *, at: datetime) -> None:
        """As `Templates.replace`, in one change."""
        rows = [(owner, each.name, each.language, stored_template(each)) for each in templates]
        note = {"owner": owner, "synced": micros_from(at), "at": micros_from(at), "count": len(rows), "problem": None}

        def write(connection: sqlite3.Connection) -> None:
            later = "SELECT 1 FROM template_syncs WHERE owner = ? AND synced_at > ?"
            if connection.execute(later, (owner, micros_from(at))).fetchone():
                return
            connection.execute("DELETE FROM known_templates WHERE owner = ?", (owner,))
            connection.executemany("INSERT OR REPLACE INTO known_templates VALUES (?, ?, ?, ?)", rows)
            connection.execute(_NOTE, note | {"due": micros_from(at + SYNC_EVERY)})

        await self.main.change(write)

    async def note_problem(self, owner: str, problem: str, *, at: datetime, due_at: datetime) -> None:
        """As `Templates.note_problem`."""
        note = {"owner": owner, "synced": None, "at": micros_from(at), "count": None, "problem": problem}
        await self.main.change(
            lambda connection: connection.execute(_NOTE, note | {"due": micros_from(due_at)}).rowcount
        )

    async def request(self, owner: str, number_id: str, at: datetime) -> None:
        """As `Templates.request`."""
        values = {"owner": owner, "number": number_id, "at": micros_from(at)}
        await self.main.change(lambda connection: connection.execute(_REQUEST, values).rowcount)

    async def due(self, now: datetime, limit: int) -> Sequence[tuple[str, str]]:
        """As `Templates.due`."""
        sql = "SELECT owner, number_id FROM template_syncs WHERE due_at <= ? ORDER BY due_at LIMIT ?"
        return [(owner, number) for owner, number in self.main.few_rows(sql, (micros_from(now), limit))]

    async def take(self, owner: str, *, now: datetime, until: datetime) -> bool:
        """As `Templates.take`."""
        sql = "UPDATE template_syncs SET due_at = ? WHERE owner = ? AND due_at <= ?"
        values = (micros_from(until), owner, micros_from(now))
        return await self.main.change(lambda connection: connection.execute(sql, values).rowcount == 1)

    async def synchronisation(self, owner: str) -> Synchronisation | None:
        """As `Templates.synchronisation`."""
        row = self.main.row(
            "SELECT synced_at, due_at, templates, problem FROM template_syncs WHERE owner = ?", (owner,)
        )
        if row is None:
            return None
        synced, due, count, problem = row
        return Synchronisation(
            owner=owner,
            synced_at=optional_instant_from(synced),
            due_at=instant_from(due),
            templates=count or 0,
            problem=problem,
        )
