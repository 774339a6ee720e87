"""The delivery progress of a message: accepted < sent < delivered < read < played, or failed.

The rule: pure; the state depends only on which statuses arrived, never on their order or repetition. `failed` is final
and outranks every other status. A failure together with a delivery is a conflict.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique


@unique
class MessageStatus(StrEnum):
    """The statuses of a message, in order of progress; `failed` comes after all others."""

    ACCEPTED = "accepted"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    PLAYED = "played"
    FAILED = "failed"

    @property
    def rank(self) -> int:
        """Its position in the order."""
        return _RANKS[self]

    @property
    def reached(self) -> bool:
        """True when the customer has the message: `read` implies `delivered` (Meta's status reference)."""
        return MessageStatus.DELIVERED.rank <= self.rank <= MessageStatus.PLAYED.rank


_RANKS = {status: rank for rank, status in enumerate(MessageStatus)}


@dataclass(frozen=True, slots=True)
class Step:
    """One status from WhatsApp, with its error codes."""

    status: MessageStatus
    at: datetime
    codes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """The statuses that arrived, each once, in the order of arrival."""

    steps: tuple[Step, ...] = ()

    @property
    def status(self) -> MessageStatus:
        """The status with the highest rank."""
        return max((step.status for step in self.steps), key=lambda s: s.rank, default=MessageStatus.ACCEPTED)

    @property
    def conflict(self) -> bool:
        """True when WhatsApp reported both a failure and a delivery."""
        statuses = {step.status for step in self.steps}
        return MessageStatus.FAILED in statuses and any(status.reached for status in statuses)

    @property
    def first(self) -> Step | None:
        """The first status; it decides an unknown outcome."""
        return self.steps[0] if self.steps else None

    def has(self, status: MessageStatus) -> bool:
        """Whether this status has arrived."""
        return self._index_of(status) is not None

    def with_step(self, step: Step) -> "Progress":
        """The progress with one more step; a status that arrived before changes nothing."""
        return self if self._index_of(step.status) is not None else Progress((*self.steps, step))

    def moved_by(self, status: MessageStatus) -> bool:
        """Whether this status changed the state when it arrived. Repeating the call gives the same answer."""
        index = self._index_of(status)
        if index is None:
            return False
        before, after = Progress(self.steps[:index]), Progress(self.steps[: index + 1])
        return (before.status, before.conflict) != (after.status, after.conflict)

    def conflict_at(self, status: MessageStatus) -> bool:
        """Whether there was a conflict once this status had arrived."""
        index = self._index_of(status)
        return index is not None and Progress(self.steps[: index + 1]).conflict

    def _index_of(self, status: MessageStatus) -> int | None:
        return next((index for index, step in enumerate(self.steps) if step.status is status), None)
