"""Dead letters: what could not be processed, kept sealed until somebody replays it or its time is over.

The rule: a letter's body is written down encrypted alone, and everything beside it is free of personal data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from libs.store.outbox import Posted


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One delivery that ended on a dead-letter queue."""

    id: str
    """The same however often the letter is handed over; it begins with the time of death, so ids are in its order."""
    queue: str
    """The work queue that it came from, and is replayed to."""
    reason: str
    name: str | None
    """The event's name; None when not even that can be read."""
    message_id: str | None
    account_id: str | None
    integration_id: str | None
    attempts: int
    died_at: datetime
    expires_at: datetime
    sealed: str = field(repr=False)
    """The message, encrypted (see `libs.store.sealing`; the owner is the id)."""
    replayed_at: datetime | None = None
    replayed_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterFilter:
    """Which letters to list; `replayed` None: whether replayed or not."""

    id: str | None = None
    queue: str | None = None
    account_id: str | None = None
    replayed: bool | None = None


class DeadLetters(Protocol):
    """What console keeps of dead letters. Letters beyond their `expires_at` are forgotten within a day."""

    async def keep(self, letter: DeadLetter) -> None:
        """Write the letter unless it is there; durable when it returns."""
        ...

    async def page(self, wanted: DeadLetterFilter, *, after: str | None, limit: int) -> Sequence[DeadLetter]:
        """Letters, the latest id first: at most `limit`, below the id `after`."""
        ...

    async def replayed(self, letter_id: str, *, at: datetime, by: str, events: Sequence[Posted]) -> None:
        """Note a replay, and the events that tell of it, in one step."""
        ...

    async def waiting(self, now: datetime) -> Mapping[str, int]:
        """How many letters nobody has replayed, by queue; also forgets the letters whose time is over."""
        ...
