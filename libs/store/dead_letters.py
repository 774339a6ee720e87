"""Dead letters: deliveries that could not be processed, stored encrypted until they are replayed or expire.

The rule: a dead letter's body is stored encrypted, and everything beside it is free of personal data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from libs.store.outbox import OutboxEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One delivery that ended on a dead-letter queue."""

    id: str
    """The same for every delivery of this dead letter. It begins with the time of death, so ids sort by time."""
    queue: str
    """The work queue that it came from, and to which it is replayed."""
    reason: str
    name: str | None
    """The event's name; None when it cannot be read."""
    message_id: str | None
    account_id: str | None
    integration_id: str | None
    attempts: int
    died_at: datetime
    expires_at: datetime
    sealed: str = field(repr=False)
    """The message, encrypted (`libs.store.sealer`); the owner is the dead letter's id."""
    replayed_at: datetime | None = None
    replayed_by: str | None = None
    replayable: bool = True
    """False when the message was not kept whole."""
    discarded_at: datetime | None = None
    """When an operator discarded it. `sealed` is empty from then on."""
    discarded_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterFilter:
    """Which dead letters to list. With `replayed` None: replayed or not; with `discarded` None: discarded or not."""

    id: str | None = None
    queue: str | None = None
    account_id: str | None = None
    replayed: bool | None = None
    discarded: bool | None = None


class DeadLetters(Protocol):
    """Stored dead letters. Expired ones are deleted within a day of their `expires_at`."""

    async def add(self, letter: DeadLetter) -> None:
        """Store the dead letter unless it is stored already; durable when it returns."""

    async def remove(self, letter_id: str) -> None:
        """Delete the dead letter, unless it was replayed or discarded: the event of that may be unpublished."""

    async def page(self, wanted: DeadLetterFilter, *, after: str | None, limit: int) -> Sequence[DeadLetter]:
        """Dead letters, the latest id first: at most `limit`, below the id `after`."""

    async def mark_replayed(self, letter_id: str, *, at: datetime, by: str, events: Sequence[OutboxEvent]) -> None:
        """Mark a dead letter as replayed, with `events` in the same step."""

    async def mark_discarded(self, letter_id: str, *, at: datetime, by: str, events: Sequence[OutboxEvent]) -> bool:
        """Mark a dead letter as discarded and delete its content, with `events` in the same step.

        False, and nothing changes, when it is gone, or was replayed or discarded before.
        """

    async def count_waiting(self, now: datetime) -> Mapping[str, int]:
        """The number of dead letters that are neither replayed nor discarded, by queue. Also deletes expired ones."""
