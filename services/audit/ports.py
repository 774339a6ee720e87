"""Audit's own ports. The store's ports are used as `libs.store` declares them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from libs.contracts.events import Event
from libs.record.checkpoints import Checkpoint
from libs.store.subjects import SubjectKey


class SubjectKeys(Protocol):
    """The keys of the persons in records."""

    async def of(self, customer_keys: Collection[str], *, new: Collection[str]) -> Mapping[str, SubjectKey]:
        """The keys of these persons. Persons in `new` without a key get one, which is durable when this returns."""
        ...


class Sink(Protocol):
    """A place for checkpoints that an attacker with access to the database cannot reach."""

    async def ship(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Return when the sink has stored them; raises OSError otherwise. Safe to repeat."""
        ...


class LineSink(Protocol):
    """The same place, for restore lines."""

    async def ship_lines(self, lines: Sequence[str]) -> None:
        """As `Sink.ship`; the lines are JSON texts without a line feed."""
        ...


class WholeSink(Sink, LineSink, Protocol):
    """What every adapter is."""


class Publisher(Protocol):
    """Publishes events."""

    async def publish(self, event: Event, *, id: UUID, at: datetime | None = None) -> None:  # noqa: A002 -- as Broker
        """Return when `event` is confirmed; raises GatewayError(gateway_unavailable) otherwise. Safe to repeat."""
        ...


Recorded = Callable[[Mapping[str, int]], None]
"""Called after each batch with the number of its records by chain."""
