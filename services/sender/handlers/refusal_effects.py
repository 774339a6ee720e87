"""`RefusalEffects`: closes a window, suppresses marketing, pauses a number or holds a bucket after a refusal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from libs.chassis.clock import Clock
from libs.chassis.telemetry import logger
from libs.contracts.events import Event
from libs.providers.errors import Classification, Effect
from libs.store.conversations import Conversations, Suppressions
from libs.store.ledger import Pacing
from services.sender import metrics
from services.sender.domain.next_steps import SLOWED_RATE_FACTOR
from services.sender.domain.refusals import (
    PAUSING,
    RefusedMessage,
    bucket_of,
    marketing_suppression_from,
    number_pause_from,
    suppression_added_from,
)
from services.sender.ports import NumberPauser

log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalEffects:
    """Safe to repeat: every effect has an id or a time that comes from the refused message."""

    conversations: Conversations
    suppressions: Suppressions
    number_pauser: NumberPauser
    pacing: Pacing
    clock: Clock

    async def __call__(self, classification: Classification, refused: RefusedMessage) -> Sequence[Event]:
        """Apply what the classification demands; the events to publish."""
        events: Sequence[Event] = ()
        if classification.effect is Effect.CLOSE_WINDOW:
            await self.conversations.close_window(refused.number_id, refused.customer_key, refused.at)
        if classification.effect is Effect.SUPPRESS_MARKETING:
            events = await self._suppress_marketing(refused)
        if classification.effect in PAUSING and await self.number_pauser.pause(
            number_pause_from(refused, classification.meaning)
        ):
            metrics.NUMBERS_PAUSED.inc()
            log.error("number paused by whatsapp", number_id=refused.number_id, provider_code=refused.code)
        await self._hold_bucket(classification, refused)
        return events

    async def _suppress_marketing(self, refused: RefusedMessage) -> Sequence[Event]:
        wanted = marketing_suppression_from(refused)
        standing = await self.suppressions.suppress(wanted, ())
        return (suppression_added_from(refused, standing),) if standing.id == wanted.id else ()

    async def _hold_bucket(self, classification: Classification, refused: RefusedMessage) -> None:
        """Hold the throttled bucket, unless the time to hold it is over."""
        if classification.scope is None or classification.wait_s is None:
            return
        until = refused.at + timedelta(seconds=classification.wait_s)
        if until <= self.clock():
            return
        key = bucket_of(classification.scope, refused)
        factor = SLOWED_RATE_FACTOR if classification.effect is Effect.SLOW_NUMBER else 1.0
        await self.pacing.hold(scope=classification.scope.value, key=key, until=until, slow_down=factor)
