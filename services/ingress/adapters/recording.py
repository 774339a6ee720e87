"""Refusals on their way to the record: told in the background, held while the broker is away, bounded always."""

import asyncio
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from libs.chassis.telemetry import logger
from libs.contracts.errors import GatewayError
from libs.contracts.events import Event
from services.ingress import metrics
from services.ingress.ports import Outbox

log = logger(__name__)
MOST: Final = 5_000  # about 5 MB; the flood gates let through at most some hundreds a minute
PAUSE: Final = 1.0  # seconds between tries while the broker is away


@dataclass(slots=True)
class Backlog:
    """A Recorder. Events leave in the order in which they were told, each until it is confirmed."""

    outbox: Outbox
    pause: float = PAUSE
    _waiting: asyncio.Queue[tuple[Event, UUID]] = field(default_factory=lambda: asyncio.Queue(MOST), repr=False)

    def tell(self, event: Event, event_id: UUID) -> None:
        """As `Recorder.tell`."""
        try:
            self._waiting.put_nowait((event, event_id))
        except asyncio.QueueFull:
            metrics.UNRECORDED.inc()

    async def run(self) -> None:
        """Publish what is told, for ever; to be cancelled."""
        while True:
            event, event_id = await self._waiting.get()
            try:
                while not await self._published(event, event_id):  # noqa: ASYNC110 -- nobody tells when it is back
                    await asyncio.sleep(self.pause)
            finally:
                self._waiting.task_done()

    async def empty(self, *, seconds: float) -> None:
        """Wait until all is told, for at most `seconds`; what is left then is counted."""
        try:
            async with asyncio.timeout(seconds):
                await self._waiting.join()
        except TimeoutError:
            metrics.UNRECORDED.inc(self._waiting.qsize())
            log.warning("refusals not told to the record", count=self._waiting.qsize())

    async def _published(self, event: Event, event_id: UUID) -> bool:
        try:
            await self.outbox.publish(event, id=event_id)
        except GatewayError:
            return False
        return True
