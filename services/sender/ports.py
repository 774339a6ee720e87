"""What sender needs from the outside world; the store's `Ledger` and `Pacing` are used as they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from libs.store.accounts import Number
from libs.store.conversations import Suppression
from libs.store.outbox import Posted
from services.sender.domain.consequences import Pause
from services.sender.domain.forwarding import Reply
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


class Stops(Protocol):
    """Who is not messaged (`libs.store.conversations.Suppressions` is one)."""

    async def suppress(self, suppression: Suppression, events: Sequence[Posted]) -> Suppression:
        """Suppress a customer; repeating it with the same id changes nothing. Returns what stands."""
        ...


class Consents(Protocol):
    """Who does not want messages (`libs.store.conversations.Suppressions` is one)."""

    async def page(
        self, *, account_id: str | None, customer_key: str | None, after: str | None, limit: int
    ) -> Sequence[Suppression]:
        """Active suppressions in the order of their ids."""
        ...


class Pauses(Protocol):
    """Stops a number."""

    async def pause(self, pause: Pause) -> bool:
        """Let nothing go out from the number until an operator resumes it, and tell of it in the same step.

        False when it is paused already, is unknown, or was edited after `pause.at`: then an operator knows better.
        """
        ...


class Windows(Protocol):
    """The conversation windows (`libs.store.conversations.Conversations` is one)."""

    async def window_closed(self, number_id: str, customer_key: str, at: datetime) -> None:
        """WhatsApp says that the window is closed at `at`."""
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """Where a 3CX system is told things, and what signs them; neither shows in a repr."""

    url: str = field(repr=False)
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NoTarget:
    """There is nobody to tell, and why (a word)."""

    reason: str


class Targets(Protocol):
    """Knows where integrations are forwarded to."""

    async def target(self, integration_id: str) -> Target | NoTarget:
        """Where to, at most some seconds old."""
        ...


class Posts(Protocol):
    """Posts to 3CX systems."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """One POST in bounded time. Raises nothing but cancellation: every fault is a reply."""
        ...
