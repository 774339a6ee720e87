"""`BackgroundRecorder`: publishes refusals in the background, and keeps a bounded number while the broker is down."""

import asyncio
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from libs.chassis.failures import failure_location
from libs.chassis.telemetry import logger
from libs.contracts.errors import GatewayError
from libs.contracts.events import Event
from services.ingress import metrics
from services.ingress.ports import Publisher

log = logger(__name__)
MAX_WAITING: Final = 5_000  # about 5 MB; the throttles admit a few hundred a minute
WORKERS: Final = 8
"""Events whose confirm is awaited at a time: a confirm takes milliseconds, and refusals come from every caller."""
RETRY_SECONDS: Final = 1.0  # between attempts while the broker is unavailable


@dataclass(slots=True)
class BackgroundRecorder:
    """A Recorder. It publishes some events at a time and retries each until the broker confirms it."""

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
        async with asyncio.TaskGroup() as workers:
            for _ in range(WORKERS):
                workers.create_task(self._publish_next())

    async def _publish_next(self) -> None:
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
        except Exception as defect:  # noqa: BLE001 -- one event must not keep the others from being recorded
            metrics.UNRECORDED.inc()
            log.warning("refusal cannot be recorded", failure=type(defect).__name__, at=failure_location(defect))
        return True
