"""Events that wait to be published: written in one step with the change they tell of."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Posted:
    """An event with its postmark: its id (UUID), its class's `name`, and its body as JSON."""

    id: str
    name: str
    body: bytes = field(repr=False)
    at: float
    """When it happened, Unix seconds."""


class Outbox(Protocol):
    """What was written but perhaps not published yet."""

    async def post(self, events: Sequence[Posted]) -> None:
        """Write events that tell of no change of a row, such as that a report was read; durable when it returns."""
        ...

    async def waiting(self, limit: int) -> Sequence[Posted]:
        """The oldest events that nobody has marked as published."""
        ...

    async def published(self, ids: Sequence[str]) -> None:
        """Forget these; unknown ids are ignored."""
        ...
