"""`BackgroundRecorder`: publishes refusals in the background, and keeps a bounded number while the broker is down."""

import asyncio
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from libs.chassis.telemetry import logger
from libs.contracts.errors import GatewayError
from libs.contracts.events import Event
from services.ingress import metrics
from services.ingress.ports import Publisher

log = logger(__name__)
MAX_WAITING: Final = 5_000  # about 5 MB; the throttles admit a few hundred a minute
RETRY_SECONDS: Final = 1.0  # between attempts while the broker is unavailable


@dataclass(slots=True)
class BackgroundRecorder:
    """A Recorder. It publishes events in order and retries each until the broker confirms it."""

    publisher: Publisher
    retry_seconds: float = RETRY_SECONDS
    _waiting: asyncio.Queue[tuple[Event, UUID]] = field(default_factory=lambda: asyncio.Queue(MAX_WAITING), repr=False)

    def record(self, event: Event, event_id: UUID) -> None:
        """As `Recorder.record`."""
        try:
            self._waiting.put_nowait((event, event_id))
        except asyncio.QueueFull:
            metrics.UNRECORDED.inc()

    async def run(self) -> None:
        """Publish recorded events until cancelled."""
        while True:
            event, event_id = await self._waiting.get()
            try:
                while not await self._published(event, event_id):  # noqa: ASYNC110 -- the broker sends no signal
                    await asyncio.sleep(self.retry_seconds)
            finally:
                self._waiting.task_done()

    async def drain(self, *, seconds: float) -> None:
        """Wait at most `seconds` until every event is published; count the events that are not."""
        try:
            async with asyncio.timeout(seconds):
                await self._waiting.join()
        except TimeoutError:
            metrics.UNRECORDED.inc(self._waiting.qsize())
            log.warning("refusals not recorded", count=self._waiting.qsize())

    async def _published(self, event: Event, event_id: UUID) -> bool:
        try:
            await self.publisher.publish(event, id=event_id)
        except GatewayError:
            return False
        return True
