"""What sender needs from the outside world, beyond the store's own ports."""

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

    def credentials(self, number: Number) -> NumberCredentials:
        """The right to send from `number`; GatewayError when its token cannot be opened."""
        ...
