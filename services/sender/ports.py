"""What sender needs from the outside world; the store's `Ledger` and `Pacing` are used as they are."""

from datetime import datetime
from typing import Protocol

from libs.store.accounts import Number
from services.sender.domain.messages import NumberCredentials, Outgoing
from services.sender.domain.outcomes import Outcome


class Provider(Protocol):
    """Delivers messages on WhatsApp's side."""

    async def send(self, number: NumberCredentials, outgoing: Outgoing) -> Outcome:
        """Offer one message once, in bounded time, and say what came of it.

        Raises nothing but cancellation: every fault is an outcome. Never offers the message a second time.
        """
        ...


class Numbers(Protocol):
    """Knows the numbers and opens their tokens."""

    async def number(self, number_id: str) -> Number | None:
        """The number with this id, at most some seconds old; None when there is none."""
        ...

    def credentials(self, number: Number) -> NumberCredentials | None:
        """The right to send from `number`; None when its token cannot be opened with the keys at hand."""
        ...


class Reservations(Protocol):
    """The quota that approvals used up (`libs.store.decisions.Decisions` is one)."""

    async def release(self, event_id: str, now: datetime) -> bool:
        """Give back what the event's approval used up, at most once however often asked."""
        ...


class Windows(Protocol):
    """The conversation windows (`libs.store.conversations.Conversations` is one)."""

    async def window_closed(self, number_id: str, customer_key: str, at: datetime) -> None:
        """WhatsApp says that the window is closed at `at`."""
        ...
