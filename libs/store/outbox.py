"""The transactional outbox: events that are written in one step with the change they describe, and published later."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """An event to publish: its id (UUID), the `name` of its class, and its body as JSON."""

    id: str
    name: str
    body: bytes = field(repr=False)
    at: float
    """When it happened, in Unix seconds."""


class Outbox(Protocol):
    """Events that are stored and may not be published yet."""

    async def add(self, events: Sequence[OutboxEvent]) -> None:
        """Write events that describe no change of a row, such as a report being read; durable when it returns.

        An id that is stored already is left as it is, so the call can be repeated.
        """

    async def unpublished(self, limit: int) -> Sequence[OutboxEvent]:
        """The oldest events that are not marked as published."""

    async def mark_published(self, ids: Sequence[str]) -> None:
        """Delete these events from the outbox; unknown ids are ignored."""
