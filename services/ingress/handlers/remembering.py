"""Answers of the last moments: the record is some milliseconds behind, and a caller may ask at once."""

from dataclasses import dataclass, field
from uuid import UUID

from services.ingress.domain.answers import Answer

MOST = 2_000  # about 1 KB each; the record has long caught up with the oldest


@dataclass(frozen=True, slots=True)
class RecentAnswers:
    """What this process answered last, by event; of another replica's answers the record tells."""

    kept: dict[UUID, tuple[str, Answer]] = field(default_factory=dict, repr=False)

    def keep(self, event_id: UUID, integration_id: str, answer: Answer) -> None:
        """Remember an answer and forget the oldest."""
        if len(self.kept) >= MOST:
            del self.kept[next(iter(self.kept))]
        self.kept[event_id] = (integration_id, answer)

    def find(self, event_id: UUID, integration_id: str) -> Answer | None:
        """The integration's own answer to that event, if it was given here and lately."""
        owner, answer = self.kept.get(event_id, (None, None))
        return answer if owner == integration_id else None
