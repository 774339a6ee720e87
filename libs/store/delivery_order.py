"""The delivery order: in which order messages of one number to one customer were approved, and must be sent."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

KEPT_DAYS = 2
"""Longer than a message waits to be sent."""


@dataclass(frozen=True, slots=True)
class OrderEnd:
    """The end of an order: how many positions are stored, and the id of its newest event, None when it is empty."""

    positions: int = 0
    newest: str | None = None


class DeliveryOrder(Protocol):
    """The approved messages of each number and customer, in order."""

    async def enqueue(self, *, number_id: str, customer_key: str, event_id: str, now: datetime) -> str | None:
        """Add the event to the end of the order; returns the id of the event just before it, None when it is first.

        An event keeps its position: repeating the call returns the same id.
        """
