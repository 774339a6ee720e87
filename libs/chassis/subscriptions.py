"""Received events and their metadata, handlers, and subscriptions, which bind an event class to a handler.

A handler returns events; the chassis publishes them (confirmed) and only then acknowledges the delivery.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from libs.contracts.events import Event
from libs.contracts.stored_times import is_from_the_future

E = TypeVar("E", bound=Event)
E_co = TypeVar("E_co", bound=Event, covariant=True)


@dataclass(frozen=True, slots=True)
class Received(Generic[E_co]):
    """An event and the metadata that arrived with it."""

    event: E_co
    id: UUID
    at: datetime
    """When it was published, by the publisher's clock."""
    attempt: int = 1
    """The number of this try, from 1; waiting for an outage to end is not counted."""
    waiting_since: datetime | None = None
    """When it was first delayed; None when it has not been, or when an operator replayed it."""
    correlation_id: str | None = None
    """The id of the event that started the chain of events."""
    producer: str = ""
    """The service that published it, by its authentication code."""
    redelivered: bool = False
    """Whether the broker says that it has delivered this copy before."""
    backdated: bool = False
    """Whether it says that it is much older than what its queue delivered before it."""

    @property
    def is_first(self) -> bool:
        """Whether nobody has handled it before, as far as its delivery tells."""
        return self.attempt == 1 and self.waiting_since is None and not self.redelivered

    def age_at(self, now: datetime) -> timedelta:
        """How long ago it was published; since its first delay, when the clock was set back after the publish."""
        if not is_from_the_future(self.at, now):
            return now - self.at
        return max(timedelta(), now - (self.waiting_since or now))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLettered:
    """A message from a dead-letter queue, readable or not. Only `serialized` holds its content."""

    id: str
    """The same for every delivery of one dead letter; ids sort by `died_at`."""
    queue: str
    """The work queue that it was taken from."""
    reason: str
    name: str | None
    message_id: str | None
    account_id: str | None
    integration_id: str | None
    attempts: int
    died_at: datetime
    serialized: str = field(repr=False)
    """The whole message as JSON, for `Broker.replay`."""
    replayable: bool = True
    """False when the body was too large to be kept whole."""


HandlerResult = Event | Sequence[Event] | None
"""The events to publish before the delivery is acknowledged."""
Handler = Callable[[Received[E]], Awaitable[HandlerResult]]
BatchHandler = Callable[[Sequence[Received[Event]]], Awaitable[None]]
EventListener = Callable[[Received[Event]], Awaitable[None]]
DeadLetterHandler = Callable[[DeadLettered], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Subscription(Generic[E]):
    """The handler for one class of events on a work queue."""

    event: type[E]
    handler: Handler[E]


def on(event: type[E], handler: Handler[E]) -> Subscription[E]:
    """Bind a handler to an event class; a mismatch is a type error."""
    return Subscription(event, handler)


Subscriptions = tuple[Subscription[Any], ...]


@dataclass(frozen=True, slots=True)
class MessageMetadata:
    """What an event's AMQP properties and headers carry."""

    id: UUID
    at: datetime
    correlation_id: str | None = None
    attempt: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    """Trace context."""
