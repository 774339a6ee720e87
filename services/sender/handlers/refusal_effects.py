"""`RefusalEffects`: everything that a refusal leads to besides its answer, one consumer for each `Effect`."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from libs.chassis.clock import Clock
from libs.chassis.telemetry import logger
from libs.contracts.events import Event
from libs.providers.errors import Effect
from libs.store.accounts import Number
from libs.store.conversations import Conversations, Suppressions
from libs.store.ledger import Pacing
from services.sender.domain.next_steps import SLOWED_RATE_FACTOR
from services.sender.domain.refusals import (
    SUPPRESSING,
    RefusedMessage,
    bucket_of,
    suppression_added_from,
    suppression_from,
)
from services.sender.domain.restrictions import RULES
from services.sender.handlers.added_restrictions import AddRestrictions
from services.sender.ports import Numbers

log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalEffects:
    """Safe to repeat: every effect has an id or a time that comes from the refused message."""

    conversations: Conversations
    suppressions: Suppressions
    restrictions: AddRestrictions
    numbers: Numbers
    pacing: Pacing
    clock: Clock

    async def __call__(self, refused: RefusedMessage) -> Sequence[Event]:
        """Apply what the refusal's classification demands; the events to publish."""
        number = await self.numbers.number(refused.number_id)
        await self._hold_bucket(refused, number)
        effect = refused.classification.effect
        return () if effect is None else await CONSUMERS[effect](self, refused, number)

    async def close_window(self, refused: RefusedMessage, _: Number | None) -> Sequence[Event]:
        """Close the conversation window."""
        await self.conversations.close_window(refused.number_id, refused.customer_key, refused.at)
        return ()

    async def suppress(self, refused: RefusedMessage, _: Number | None) -> Sequence[Event]:
        """Suppress the customer, for marketing or for everything."""
        kind = SUPPRESSING[refused.classification.effect or Effect.SUPPRESS_MARKETING]
        wanted = suppression_from(refused, kind)
        standing = await self.suppressions.suppress(wanted, ())
        return (suppression_added_from(refused, standing),) if standing.id == wanted.id else ()

    async def restrict(self, refused: RefusedMessage, number: Number | None) -> Sequence[Event]:
        """Restrict what the refusal is about; the store writes the events."""
        if number is not None:
            await self.restrictions(refused, number)
        return ()

    async def nothing_more(self, refused: RefusedMessage, _: Number | None) -> Sequence[Event]:
        """The bucket is held, or the message itself goes another way (`DeliverMessage`, `ResendMessage`)."""
        log.info("refusal applied", number_id=refused.number_id, cause=refused.cause)
        return ()

    async def _hold_bucket(self, refused: RefusedMessage, number: Number | None) -> None:
        """Hold the throttled bucket, unless the time to hold it is over."""
        classification = refused.classification
        if classification.scope is None or classification.wait_s is None:
            return
        until = refused.at + timedelta(seconds=classification.wait_s)
        now = self.clock()
        if until <= now:
            return
        key = bucket_of(classification.scope, refused, number.business_account_id if number else None)
        factor = SLOWED_RATE_FACTOR if classification.effect is Effect.SLOW_NUMBER else 1.0
        await self.pacing.hold(scope=classification.scope.value, key=key, until=until, now=now, slow_down=factor)


_Consumer = Callable[[RefusalEffects, RefusedMessage, Number | None], Awaitable[Sequence[Event]]]
CONSUMERS: Final[Mapping[Effect, _Consumer]] = {
    Effect.CLOSE_WINDOW: RefusalEffects.close_window,
    Effect.SLOW_NUMBER: RefusalEffects.nothing_more,
    Effect.HOLD_PAIR: RefusalEffects.nothing_more,
    Effect.PHONE_REQUIRED: RefusalEffects.nothing_more,
    **dict.fromkeys(SUPPRESSING, RefusalEffects.suppress),
    **dict.fromkeys(RULES, RefusalEffects.restrict),
}
"""What applies each effect; a test asserts that none is missing."""
