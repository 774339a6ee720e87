"""Publishes what changes have left in the outbox, oldest first, and forgets it only once the broker has it.

Safe to repeat, also beside other replicas: an event keeps its id, and everyone who hears it goes by that.
"""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

from pydantic import ValidationError

from libs.chassis.telemetry import logger
from libs.contracts.errors import GatewayError
from libs.contracts.events import BY_NAME, Event
from libs.store.outbox import Outbox, Posted
from services.console import metrics
from services.console.ports import Publisher

log = logger(__name__)
AT_ONCE = 100
PATIENCE = 1.0
"""Seconds that the answer to a change waits for its event: services that have heard of it when the caller reads the
answer spare them a surprise, but a broker that is down must not hold operators up."""


class OutboxRelay:
    """One relay for each process; `changed` after each change, `flush` every few seconds and at start."""

    def __init__(self, outbox: Outbox, publisher: Publisher) -> None:
        self._outbox = outbox
        self._publisher = publisher
        self._turn = asyncio.Lock()
        self._flushing: set[asyncio.Task[bool]] = set()

    async def changed(self) -> None:
        """Publish what waits, and return when that is done or taking long; a failure is retried later."""
        flush = asyncio.create_task(self.flush())
        self._flushing.add(flush)
        flush.add_done_callback(self._flushing.discard)
        await asyncio.wait({flush}, timeout=PATIENCE)

    async def flush(self) -> bool:
        """Publish everything that waits; False when the broker or the store stopped it half-way. Never raises."""
        async with self._turn:
            try:
                while await self._page():
                    pass
            except GatewayError as failure:
                metrics.RELAYED.labels("delayed").inc()
                log.warning("changes wait to be published", code=failure.code.value)
                return False
            return True

    async def close(self, seconds: float) -> None:
        """Let what is under way end, for up to `seconds`."""
        if self._flushing:
            await asyncio.wait(set(self._flushing), timeout=seconds)

    async def _page(self) -> bool:
        """Publish one page; True when there may be more."""
        waiting = await self._outbox.waiting(AT_ONCE)
        metrics.WAITING.set(len(waiting))
        done = 0
        for posted in waiting:
            event = _event_from(posted)
            if event is None:
                continue
            await self._publisher.publish(event, id=UUID(posted.id), at=datetime.fromtimestamp(posted.at, UTC))
            await self._outbox.published([posted.id])
            metrics.RELAYED.labels("published").inc()
            done += 1
        metrics.WAITING.set(len(waiting) - done)
        return done > 0 and len(waiting) == AT_ONCE


def _event_from(posted: Posted) -> Event | None:
    """The event of a row; None for one that a newer release wrote: it stays, and is theirs to publish."""
    event_class = BY_NAME.get(posted.name)
    try:
        return None if event_class is None else event_class.model_validate_json(posted.body)
    except ValidationError:
        log.warning("an event in the outbox cannot be read", id=posted.id, type=posted.name)
        return None
