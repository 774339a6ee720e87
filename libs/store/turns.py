"""In which order the messages of one number to one customer were approved, so that none overtakes another."""

from datetime import datetime
from typing import Protocol

KEPT_DAYS = 2
"""Longer than a message waits to be sent."""


class Turns(Protocol):
    """The line in front of each customer."""

    async def take(self, *, number_id: str, customer_key: str, event_id: str, now: datetime) -> str | None:
        """Get in line; the id of the event just before, None when there is none.

        An event has one place for ever: asking again gives the same answer. Of any two events, one is first.
        """
        ...
