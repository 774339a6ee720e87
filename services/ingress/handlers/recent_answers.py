"""`RecentAnswers`: this replica's latest answers, for status requests that arrive before audit has recorded them."""

from dataclasses import dataclass, field
from uuid import UUID

from services.ingress.domain.answers import Answer

MAX_ANSWERS = 2_000  # about 600 bytes each; audit records an event long before its answer is dropped


@dataclass(frozen=True, slots=True)
class RecentAnswers:
    """The latest answers by event id; the answers of other replicas are found in the record."""

    kept: dict[UUID, tuple[str, Answer]] = field(default_factory=dict, repr=False)

    def keep(self, event_id: UUID, integration_id: str, answer: Answer) -> None:
        """Keep an answer; drop the oldest one when there are too many."""
        if len(self.kept) >= MAX_ANSWERS:
            del self.kept[next(iter(self.kept))]
        self.kept[event_id] = (integration_id, answer)

    def find(self, event_id: UUID, integration_id: str) -> Answer | None:
        """The answer to the integration's event, if it is kept."""
        owner, answer = self.kept.get(event_id, (None, None))
        return answer if owner == integration_id else None
