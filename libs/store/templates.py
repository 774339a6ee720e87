"""The templates that WhatsApp has for a business account, as they were last read from the provider.

An owner is a business account, or a number whose server lists its own templates (`owner_of`). Templates are small and
few (WhatsApp allows 250 to 6,000), so a synchronisation replaces all of an owner's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import orjson

from libs.contracts.known_templates import KnownButton, KnownTemplate
from libs.store.accounts import Number

SYNC_EVERY: Final = timedelta(hours=6)
"""How old a synchronisation may be before the next one is due; a template's webhook and an operator make it due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Synchronisation:
    """When an owner's templates were read, and how many there were; None: never."""

    owner: str
    synced_at: datetime | None
    due_at: datetime
    templates: int = 0
    problem: str | None = None
    """Why the last try failed, as a word."""


def owner_of(number: Number) -> str:
    """Whose templates the number sends: its business account's; its own until a webhook has named that."""
    return number.business_account_id or number.id


class Templates(Protocol):
    """The known templates of each owner."""

    async def of_name(self, owner: str, name: str) -> Sequence[KnownTemplate]:
        """The template in each of its languages: one indexed read."""

    async def all_of(self, owner: str) -> Sequence[KnownTemplate]:
        """All templates of an owner, by name and language."""

    async def replace(self, owner: str, templates: Sequence[KnownTemplate], *, at: datetime) -> None:
        """Make these the owner's templates, as read at `at`, unless a later read was stored; the next is due 6 h on.

        A request that came after `at` stays due.
        """

    async def note_problem(self, owner: str, problem: str, *, at: datetime, due_at: datetime) -> None:
        """A synchronisation at `at` failed; the known templates stay. Due again at `due_at`."""

    async def request(self, owner: str, number_id: str, at: datetime) -> None:
        """Make a synchronisation due at `at`, to be read with the number's credentials. An earlier date stands."""

    async def due(self, now: datetime, limit: int) -> Sequence[tuple[str, str]]:
        """The owners whose synchronisation is due, each with the id of the number that reads them; oldest first."""

    async def take(self, owner: str, *, now: datetime, until: datetime) -> bool:
        """Take a synchronisation that is due: of all processes one gets it, until `until` at most."""

    async def synchronisation(self, owner: str) -> Synchronisation | None:
        """The state of an owner's synchronisation; None when none was ever asked for."""


def stored_template(template: KnownTemplate) -> str:
    """The template as JSON text."""
    return orjson.dumps(template).decode()


def template_from_stored(text: str) -> KnownTemplate:
    """The template from the text that `stored_template` made."""
    fields: dict[str, Any] = orjson.loads(text)
    lists = {name: tuple(fields[name]) for name in ("parameters", "header_parameters")}
    buttons = tuple(KnownButton(**button) for button in fields["buttons"])
    return KnownTemplate(**fields | lists | {"buttons": buttons})
