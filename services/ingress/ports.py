"""Ingress's own ports; the ports of `libs.store` are used directly."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from libs.chassis.topology import WorkQueue
from libs.contracts.events import Event


class RateLimits(Protocol):
    """Limits how often an integration may call, across all replicas."""

    async def hit(self, integration_id: str) -> float | None:
        """Count one request: None when it is within the limit, else the seconds until another one is.

        Raises GatewayError(gateway_unavailable) when the counters cannot be read.
        """
        ...


class Publisher(Protocol):
    """Publishes events."""

    async def publish(
        self,
        event: Event,
        *,
        id: UUID,  # noqa: A002 -- an event's id is called id everywhere
        at: datetime | None = None,
        correlation_id: str | None = None,
    ) -> None:
        """Return once the broker has confirmed.

        Raises GatewayError(gateway_unavailable) otherwise; the broker may have the event all the same.
        """
        ...


class DeadLetterPublisher(Protocol):
    """Publishes events as dead letters."""

    async def dead_letter(
        self,
        event: Event,
        work: WorkQueue,
        *,
        id: UUID,  # noqa: A002 -- an event's id is called id everywhere
        reason: str,
    ) -> None:
        """Return once the dead-letter queue of `work` has the event; raises as `Publisher.publish`."""
        ...


class Recorder(Protocol):
    """Publishes events for the record without delaying a caller."""

    def record(self, event: Event, event_id: UUID) -> None:
        """Publish `event` as soon as the broker accepts it. Events beyond a bound are counted and dropped."""
        ...
