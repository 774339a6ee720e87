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


@dataclass(frozen=True, slots=True, kw_only=True)
class Buried:
    """A dead letter, readable or not. Only `packed` holds what it said."""

    id: str
    """The same however often it is handed over; ids are in the order of death."""
    queue: str
    """The work queue that it came from."""
    reason: str
    name: str | None
    message_id: str | None
    account_id: str | None
    integration_id: str | None
    attempts: int
    died_at: datetime
    packed: str = field(repr=False)
    """The whole message, for `Broker.replay`."""


Said = Event | Sequence[Event] | None
Handler = Callable[[Received[E]], Awaitable[Said]]
BatchHandler = Callable[[Sequence[Received[Event]]], Awaitable[None]]
Listener = Callable[[Received[Event]], Awaitable[None]]
BuriedListener = Callable[[Buried], Awaitable[None]]


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
