"""Pausing a number in the registry: an edit like an operator's, with the event that tells of it in the same step."""

from dataclasses import dataclass
from datetime import timedelta

from libs.contracts.errors import unavailable
from libs.store.accounts import Directory, Registry
from libs.store.outbox import Posted
from services.sender.domain.consequences import Pause

CLOCKS = timedelta(seconds=5)
"""How far WhatsApp's clock, which knows whole seconds, may be behind ours; nobody resumes a number so quickly."""
_TRIES = 5


@dataclass(frozen=True, slots=True)
class RegistryPauses:
    """Edits the row that `directory` (not a cached one) reads; the outbox is published by the console."""

    directory: Directory
    registry: Registry

    async def pause(self, pause: Pause) -> bool:
        """As `services.sender.ports.Pauses.pause`."""
        posted = Posted(
            id=str(pause.id),
            name=pause.event.name,
            body=pause.event.model_dump_json().encode(),
            at=pause.at.timestamp(),
        )
        for _ in range(_TRIES):
            number = await self.directory.number(number_id=pause.event.number_id)
            if number is None or number.paused or number.updated_at > pause.at + CLOCKS:
                return False
            now = max(number.updated_at, pause.at)
            paused = number.model_copy(update={"paused": True, "version": number.version + 1, "updated_at": now})
            if await self.registry.save(paused, [posted], created=False):
                return True
        raise unavailable("store")
