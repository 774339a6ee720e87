"""What is to be deleted from WhatsApp's contact books, because the person was erased, and what became of it.

WhatsApp keeps the phone number behind a user id in each number's contact book and would tell it again (Meta,
"Business-scoped user IDs"). Console requests a deletion, and sender, which has the tokens, makes it. The rule: the
user id is sealed, and is gone from the row once the deletion has ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique
from typing import Final, Protocol

KEPT_DAYS: Final = 30
"""How long the outcome of a deletion is known."""
SEALED_FIELD: Final = "bsuid"
"""The field name that the user id is sealed with; its owner is the deletion's id."""


@unique
class DeletionStatus(StrEnum):
    """How far a deletion is."""

    PENDING = "pending"
    DELETED = "deleted"
    FAILED = "failed"
    """WhatsApp did not confirm it within seven days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactBookDeletion:
    """One user id that is to be deleted from the contact book of one number."""

    id: str
    erasure_id: str
    account_id: str
    number_id: str
    at: datetime
    """When the erasure asked for it."""
    sealed_user_id: str | None = field(default=None, repr=False)
    """None once the deletion has ended."""
    status: DeletionStatus = DeletionStatus.PENDING
    tries: int = 0
    problem: str | None = None
    """Why the last try failed, as a word."""


class ContactBook(Protocol):
    """Deletions that are due, and their outcomes."""

    async def request(self, deletions: Sequence[ContactBookDeletion]) -> None:
        """Store deletions, which are due at once; one that is stored already stays as it is."""

    async def due(self, now: datetime, limit: int) -> Sequence[ContactBookDeletion]:
        """The deletions whose next try is due, oldest first."""

    async def take(self, deletion_id: str, *, now: datetime, until: datetime) -> bool:
        """Take a deletion that is due and count a try: of all processes one gets it, until `until` at most."""

    async def postpone(self, deletion_id: str, problem: str, *, due_at: datetime) -> None:
        """The try failed; the next one is due at `due_at`."""

    async def end(self, deletion_id: str, status: DeletionStatus, problem: str | None = None) -> None:
        """The deletion has ended: it is never due again, and its user id is gone. Safe to repeat."""

    async def of_erasure(self, erasure_id: str) -> Sequence[ContactBookDeletion]:
        """The deletions of an erasure of the last 30 days, by id."""
