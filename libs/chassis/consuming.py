"""Which handler gets which events, and what it may say.

A handler returns the events that happened; the chassis publishes them (confirmed) and only then acknowledges.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from libs.contracts.events import Event

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class Received(Generic[E]):
    """An event and its postmark."""

    event: E
    id: UUID
    at: datetime
    """When it was published, by the publisher's clock."""
    attempt: int = 1
    """Counts the tries of this delivery from 1; waiting for a dependency does not count."""
    since: datetime | None = None
    """When it was first made to wait; None: it has not been yet, or an operator replayed it."""
    correlation_id: str | None = None
    """The id of the event that began it all."""
    producer: str = ""


Said = Event | Sequence[Event] | None
Handler = Callable[[Received[E]], Awaitable[Said]]
BatchHandler = Callable[[Sequence[Received[Event]]], Awaitable[None]]
Listener = Callable[[Received[Event]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Subscription(Generic[E]):
    """One work queue's events of one class and the handler that answers them."""

    event: type[E]
    handler: Handler[E]


def on(event: type[E], handler: Handler[E]) -> Subscription[E]:
    """Bind a handler to an event; the type checker holds the two together."""
    return Subscription(event, handler)


Subscriptions = tuple[Subscription[Any], ...]


@dataclass(frozen=True, slots=True)
class Postmark:
    """What travels beside an event's body."""

    id: UUID
    at: datetime
    correlation_id: str | None = None
    attempt: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    """Trace context."""
