"""What ingress needs from the outside world; the ports of `libs.store` are used as they are."""

import asyncio
from datetime import datetime
from typing import Protocol
from uuid import UUID

from libs.contracts.events import Event, WebhookAnswered
from libs.store.decisions import Proposal, Settlement


class RateLimits(Protocol):
    """How often an integration may call, over all replicas."""

    async def hit(self, integration_id: str) -> float | None:
        """Count one request: None when it is within the limit, else seconds until there is room again.

        Raises GatewayError(gateway_unavailable) when nobody can tell.
        """
        ...


class Outbox(Protocol):
    """Where events leave the service."""

    async def publish(
        self,
        event: Event,
        *,
        id: UUID,  # noqa: A002 -- an event's id is called id everywhere
        at: datetime | None = None,
        correlation_id: str | None = None,
    ) -> None:
        """Return once the broker has confirmed; GatewayError(gateway_unavailable) leaves open whether it has it."""
        ...


class Replies(Protocol):
    """Where results come in."""

    def expect(self, event_id: UUID) -> asyncio.Future[WebhookAnswered]:
        """Begin to wait for an event's answer; to be called before the event is published."""
        ...

    def forget(self, event_id: UUID, future: asyncio.Future[WebhookAnswered]) -> None:
        """Stop waiting."""
        ...


class Settlements(Protocol):
    """The one decision that an event has for ever; the part of `libs.store`'s Decisions that ingress needs."""

    async def settle(self, proposal: Proposal) -> Settlement:
        """Make the proposal the event's decision unless it has one already."""
        ...


class Recorder(Protocol):
    """Tells the record of refusals without making a caller wait."""

    def tell(self, event: Event, event_id: UUID) -> None:
        """Publish `event` when the broker takes it; more than can be held are counted and dropped."""
        ...
