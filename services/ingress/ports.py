"""Ingress's own ports; the ports of `libs.store` are used directly."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from libs.chassis.topology import WorkQueue
from libs.contracts.events import Event
from libs.providers.inbound import Inbound, WebhookRequest, WebhookSource
from libs.store.accounts import Directory, Integration, Number
from libs.store.callers import Caller


class RateLimits(Protocol):
    """Limits how often a caller may call, across all replicas."""

    async def hit(self, caller: Caller, per_minute: int = 60) -> float | None:
        """Count one request: None when it is within the limit, else the seconds until another one is.

        Raises GatewayError(gateway_unavailable) when the counters cannot be read.
        """
        ...

    def refund(self, caller: Caller, per_minute: int = 60) -> None:
        """Take back the caller's latest request, soon: the gateway failed to accept it, so it does not count.

        A caller that has got back ten times its limit in a minute gets back no more, so that an outage does not lift
        the limit. Nothing is raised when the counters cannot be changed.
        """
        ...


class CallerDirectory(Directory, Protocol):
    """The configuration rows, of which a caller's row can be had without a read, or by one read."""

    def cached_integration(self, integration_id: str) -> Integration | None:
        """The integration if it is cached: no read, and no wait."""
        ...

    async def read_integration(self, integration_id: str) -> Integration | None:
        """The integration as it is stored now: exactly one read. Raises GatewayError(gateway_unavailable)."""
        ...

    def cached_number(self, number_id: str) -> Number | None:
        """As `cached_integration`, for a number."""
        ...

    async def read_number(self, number_id: str) -> Number | None:
        """As `read_integration`, for a number."""
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


class PostReader(Protocol):
    """Reads providers' large posts without holding the event loop."""

    async def read(self, source: WebhookSource, request: WebhookRequest) -> Inbound:
        """What an authenticated request holds, as `source.parse`; one that no reader survives is unreadable as a whole.

        Raises GatewayError(gateway_unavailable) when it cannot be read now, so that the provider must repeat it.
        """
        ...


class Recorder(Protocol):
    """Publishes events for the record without delaying a caller."""

    def record(self, event: Event, event_id: UUID) -> None:
        """Publish `event` as soon as the broker accepts it. Events beyond a bound are counted and dropped."""
        ...
