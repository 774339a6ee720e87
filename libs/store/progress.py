"""What became of a message after WhatsApp took it: accepted < sent < delivered < read < played, or failed.

The rule: pure, and the state depends only on which statuses came, never on their order or repetition. `failed` is
terminal and wins over everything; a failure beside a delivery is a conflict, which is recorded and explains itself.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique


@unique
class MessageStatus(StrEnum):
    """How far a message has come, in order; `failed` stands beside the order."""

    ACCEPTED = "accepted"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    PLAYED = "played"
    FAILED = "failed"

    @property
    def rank(self) -> int:
        """Its place in the order."""
        return _RANKS[self]

    @property
    def reached(self) -> bool:
        """True when the customer has the message: `read` implies `delivered` (Meta's status reference)."""
        return MessageStatus.DELIVERED.rank <= self.rank <= MessageStatus.PLAYED.rank


_RANKS = {status: rank for rank, status in enumerate(MessageStatus)}


@dataclass(frozen=True, slots=True)
class Step:
    """One status as WhatsApp told it, with the error codes that came along."""

    status: MessageStatus
    at: datetime
    codes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """Every status that came, each once, in the order of arrival."""

    steps: tuple[Step, ...] = ()

    @property
    def status(self) -> MessageStatus:
        """How far the message has come."""
        return max((step.status for step in self.steps), key=lambda s: s.rank, default=MessageStatus.ACCEPTED)

    @property
    def conflict(self) -> bool:
        """True when WhatsApp told both of a failure and of a delivery."""
        statuses = {step.status for step in self.steps}
        return MessageStatus.FAILED in statuses and any(status.reached for status in statuses)

    @property
    def first(self) -> Step | None:
        """What came first; it settles an unknown outcome for good."""
        return self.steps[0] if self.steps else None

    def with_step(self, step: Step) -> "Progress":
        """The progress once the step is taken in; one whose status came before changes nothing."""
        return self if self._place_of(step.status) is not None else Progress((*self.steps, step))

    def moved_by(self, status: MessageStatus) -> bool:
        """Whether this status changed the state when it came; the same answer however often it is asked."""
        place = self._place_of(status)
        if place is None:
            return False
        before, after = Progress(self.steps[:place]), Progress(self.steps[: place + 1])
        return (before.status, before.conflict) != (after.status, after.conflict)

    def conflict_at(self, status: MessageStatus) -> bool:
        """Whether failure and delivery contradicted each other once this status had come."""
        place = self._place_of(status)
        return place is not None and Progress(self.steps[: place + 1]).conflict

    def _place_of(self, status: MessageStatus) -> int | None:
        return next((place for place, step in enumerate(self.steps) if step.status is status), None)
