"""Receive what WhatsApp tells: every message and status is with the broker before Meta is told so."""

import asyncio
from dataclasses import dataclass
from typing import Final

from libs.store.accounts import Directory, Number
from services.ingress import metrics
from services.ingress.domain.whatsapp import Batch, Skip, Spoken
from services.ingress.ports import Outbox

AT_ONCE: Final = 64  # publishes waiting for their confirm; a 4 MB post may hold ten thousand statuses


@dataclass(frozen=True, slots=True, kw_only=True)
class Receive:
    """Safe to repeat: an event's id comes from WhatsApp's own ids, and later services take each once."""

    directory: Directory
    outbox: Outbox

    async def __call__(self, batch: Batch) -> None:
        """Publish all of a post. GatewayError(gateway_unavailable) means that Meta must send it again."""
        numbers = await self._numbers(batch)
        owed = []
        for spoken in batch.spoken:
            if spoken.event.number_id is None:  # about a business account as a whole
                owed.append(spoken)
                continue
            number = numbers[spoken.event.number_id]
            if number is None:
                batch.skipped[Skip.UNKNOWN_NUMBER] += 1
                continue
            ours = {"number_id": number.id, "account_id": number.account_id}
            owed.append(Spoken(spoken.id, spoken.event.model_copy(update=ours)))
        for start in range(0, len(owed), AT_ONCE):
            told = await asyncio.gather(
                *(self.outbox.publish(spoken.event, id=spoken.id) for spoken in owed[start : start + AT_ONCE]),
                return_exceptions=True,
            )
            for failed in told:
                if isinstance(failed, BaseException):
                    raise failed
        for spoken in owed:
            metrics.META_EVENTS.labels(spoken.event.name).inc()
        for reason, count in batch.skipped.items():
            metrics.META_SKIPPED.labels(reason.value).inc(count)

    async def _numbers(self, batch: Batch) -> dict[str, Number | None]:
        wanted = {spoken.event.number_id for spoken in batch.spoken if spoken.event.number_id is not None}
        return {theirs: await self.directory.number(phone_number_id=theirs) for theirs in wanted}
