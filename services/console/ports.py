"""What console needs besides the store's own ports; each docstring is the contract."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol
from uuid import UUID

from libs.contracts.events import Event
from services.console.domain.principals import Principal

CustomerKey = Callable[[str, str], str]
"""The key under which an account (id) knows a customer (phone, E.164)."""

Published = Callable[[], Awaitable[None]]
"""Called after each change: returns once what was written is published, or soon after when the broker is slow."""


NewSecret = Callable[[], str]
"""Makes a secret that nobody can guess: 32 random bytes, safe in a URL."""


class Publisher(Protocol):
    """Where events go."""

    async def publish(self, event: Event, *, id: UUID, at: datetime | None = None) -> None:  # noqa: A002 -- as Broker
        """Return once `event` is confirmed; else raise GatewayError(gateway_unavailable). Safe to repeat."""
        ...


class Seals(Protocol):
    """Encrypts what is kept and must be read again."""

    def seal(self, value: str, *, owner: str, field_name: str) -> str:
        """The sealed form; opened again only as the same field of the same owner (a row's id)."""
        ...


class Tokens(Protocol):
    """Who holds which bearer token."""

    def principal(self, token: str) -> Principal | None:
        """Whose token it is; None for one that nobody holds. Takes as long whatever is wrong with it."""
        ...
