"""`RegistryNumberPauser` pauses a number in the registry and writes the event to the outbox in the same step."""

from dataclasses import dataclass
from datetime import timedelta

from libs.contracts.errors import unavailable
from libs.store.accounts import Directory, Registry
from libs.store.outbox import OutboxEvent
from services.sender.domain.refusals import NumberPause

CLOCK_TOLERANCE = timedelta(seconds=5)
"""WhatsApp's clock has whole seconds and may be behind ours by this much; no operator resumes a number so quickly."""
_TRIES = 5


@dataclass(frozen=True, slots=True)
class RegistryNumberPauser:
    """Edits the row that `directory` reads, which must not be cached. The console publishes the outbox."""

    directory: Directory
    registry: Registry

    async def pause(self, pause: NumberPause) -> bool:
        """As `NumberPauser.pause`."""
        outbox_event = OutboxEvent(
            id=str(pause.id),
            name=pause.event.name,
            body=pause.event.model_dump_json().encode(),
            at=pause.at.timestamp(),
        )
        for _ in range(_TRIES):
            number = await self.directory.number(number_id=pause.event.number_id)
            if number is None or number.paused or number.updated_at > pause.at + CLOCK_TOLERANCE:
                return False
            now = max(number.updated_at, pause.at)
            paused = number.model_copy(update={"paused": True, "version": number.version + 1, "updated_at": now})
            if await self.registry.save(paused, [outbox_event], created=False):
                return True
        raise unavailable("store")
