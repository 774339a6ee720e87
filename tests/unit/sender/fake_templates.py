"""Known templates in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from libs.contracts.known_templates import KnownTemplate
from libs.store.templates import SYNC_EVERY, Synchronisation


@dataclass
class FakeTemplates:
    """Known templates by owner; the dates as in the store, without a take."""

    known: dict[str, list[KnownTemplate]] = field(default_factory=dict)
    states: dict[str, Synchronisation] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)

    async def of_name(self, owner: str, name: str) -> Sequence[KnownTemplate]:
        return [each for each in self.known.get(owner, ()) if each.name == name]

    async def all_of(self, owner: str) -> Sequence[KnownTemplate]:
        return self.known.get(owner, [])

    async def replace(self, owner: str, templates: Sequence[KnownTemplate], *, at: datetime) -> None:
        self.known[owner] = list(templates)
        due = at + SYNC_EVERY
        self.states[owner] = Synchronisation(owner=owner, synced_at=at, due_at=due, templates=len(templates))

    async def note_problem(self, owner: str, problem: str, *, at: datetime, due_at: datetime) -> None:
        before = self.states[owner]
        self.states[owner] = replace(before, problem=problem, due_at=due_at)

    async def request(self, owner: str, number_id: str, at: datetime) -> None:
        self.numbers[owner] = number_id
        before = self.states.get(owner) or Synchronisation(owner=owner, synced_at=None, due_at=at)
        self.states[owner] = replace(before, due_at=min(before.due_at, at))

    async def due(self, now: datetime, limit: int) -> Sequence[tuple[str, str]]:
        return [(each.owner, self.numbers.get(each.owner, "")) for each in self.states.values() if each.due_at <= now]

    async def take(self, owner: str, *, now: datetime, until: datetime) -> bool:
        before = self.states[owner]
        self.states[owner] = replace(before, due_at=until)
        return before.due_at <= now

    async def synchronisation(self, owner: str) -> Synchronisation | None:
        return self.states.get(owner)
