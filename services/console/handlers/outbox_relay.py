"""`OutboxRelay` publishes the events in the outbox, oldest first, and removes them after the broker's confirms.

Safe to repeat, also beside other replicas: an event keeps its id, and its consumers recognise duplicates by the id.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from pydantic import ValidationError

from libs.chassis.telemetry import logger
from libs.contracts.errors import GatewayError
from libs.contracts.events import BY_NAME, Event
from libs.store.outbox import Outbox, OutboxEvent
from services.console import metrics
from services.console.ports import Publisher

log = logger(__name__)
AT_ONCE = 100
PUBLISH_WAIT_SECONDS = 1.0
"""How long the answer to a change waits for the publish. Usually the other services then apply the change before the
caller reads the answer; when the broker is down, the operator is still answered."""


class OutboxRelay:
    """One relay for each process; call `publish_soon` after each change, `flush` at start and periodically."""

    def __init__(self, outbox: Outbox, publisher: Publisher) -> None:
        self._outbox = outbox
        self._publisher = publisher
        self._turn = asyncio.Lock()
        self._flushing: set[asyncio.Task[bool]] = set()

    async def publish_soon(self) -> None:
        """Start a flush, and return when it is done or takes long; a failure is retried later."""
        flush = asyncio.create_task(self.flush())
        self._flushing.add(flush)
        flush.add_done_callback(self._flushing.discard)
        await asyncio.wait({flush}, timeout=PUBLISH_WAIT_SECONDS)

    async def flush(self) -> bool:
        """Publish the whole outbox; False when the broker or the store interrupted it. Never raises GatewayError."""
        async with self._turn:
            try:
                while await self._publish_page():
                    pass
            except GatewayError as failure:
                metrics.RELAYED.labels("delayed").inc()
                log.warning("outbox publish delayed", code=failure.code.value)
                return False
            return True

    async def close(self, seconds: float) -> None:
        """Wait up to `seconds` for running flushes."""
        if self._flushing:
            await asyncio.wait(set(self._flushing), timeout=seconds)

    async def _publish_page(self) -> bool:
        """Publish one page; True when there may be more. Raises GatewayError when broker or store interrupts it.

        What was published leaves the outbox in one write: one for each event would take a backlog minutes on a busy
        disk. After a crash before it, the page is published again.
        """
        waiting = await self._outbox.unpublished(AT_ONCE)
        metrics.WAITING.set(len(waiting))
        published, failure = await self._published(waiting)
        await self._outbox.mark_published(published)
        metrics.RELAYED.labels("published").inc(len(published))
        metrics.WAITING.set(len(waiting) - len(published))
        if failure is not None:
            raise failure
        return bool(published) and len(waiting) == AT_ONCE

    async def _published(self, waiting: Sequence[OutboxEvent]) -> tuple[list[str], GatewayError | None]:
        """The ids of those that were published, in their order, and what ended that before the last one."""
        published: list[str] = []
        for stored in waiting:
            event = _event_from(stored)
            try:
                if event is not None and await self._publish(event, stored):
                    published.append(stored.id)
            except GatewayError as failure:
                return published, failure
        return published, None

    async def _publish(self, event: Event, stored: OutboxEvent) -> bool:
        """Publish one event; False when it cannot be published at all. It stays, and does not hold up later ones."""
        try:
            await self._publisher.publish(event, id=UUID(stored.id), at=datetime.fromtimestamp(stored.at, UTC))
        except GatewayError:
            raise
        except Exception as defect:  # noqa: BLE001 -- a defect of this event, not of the broker
            metrics.RELAYED.labels("failed").inc()
            log.error("outbox event cannot be published", id=stored.id, type=stored.name, failure=type(defect).__name__)  # noqa: TRY400 -- no text of the exception
            return False
        return True


def _event_from(stored: OutboxEvent) -> Event | None:
    """The event; None for one that a newer release wrote, which stays for that release to publish."""
    event_class = BY_NAME.get(stored.name)
    try:
        return None if event_class is None else event_class.model_validate_json(stored.body)
    except ValidationError:
        log.warning("outbox event cannot be read", id=stored.id, type=stored.name)
        return None
