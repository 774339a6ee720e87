"""Hear what Evolution tells: who may speak for a number, and every event with the broker before it is told so."""

import asyncio
from dataclasses import dataclass
from typing import Final

from libs.store.accounts import Directory, Number, ProviderKind
from services.ingress import metrics
from services.ingress.domain.authentication import NOBODY, Secret
from services.ingress.domain.evolution import Post
from services.ingress.handlers.admitting import LONGEST_ID, secrets_from
from services.ingress.ports import Outbox

AT_ONCE: Final = 64  # publishes waiting for their confirm


@dataclass(frozen=True, slots=True, kw_only=True)
class Hear:
    """Safe to repeat: an event's id comes from WhatsApp's own ids, and later services take each once."""

    directory: Directory
    outbox: Outbox

    async def speaker(self, number_id: str) -> tuple[Number | None, tuple[Secret, ...]]:
        """The number of Evolution's with this id and what proves to speak for it; for any other id nobody can.

        Raises GatewayError(gateway_unavailable) when the store cannot be asked.
        """
        number = await self.directory.number(number_id=number_id) if len(number_id) <= LONGEST_ID else None
        if number is None or number.provider is not ProviderKind.EVOLUTION:
            return None, NOBODY
        return number, secrets_from(number.webhook_secrets) or NOBODY

    async def __call__(self, post: Post) -> None:
        """Publish all of a post. GatewayError(gateway_unavailable) means that it must be sent again."""
        for start in range(0, len(post.told), AT_ONCE):
            published = await asyncio.gather(
                *(self.outbox.publish(told.event, id=told.id) for told in post.told[start : start + AT_ONCE]),
                return_exceptions=True,
            )
            for failed in published:
                if isinstance(failed, BaseException):
                    raise failed
        for told in post.told:
            metrics.META_EVENTS.labels(told.event.name).inc()
        for reason, count in post.passed.items():
            metrics.META_SKIPPED.labels(reason.value).inc(count)
