"""`FollowUps`: the events and effects that follow from a message's result, besides its answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.contracts.events import Event, MessageApproved
from libs.providers.errors import Effect
from libs.store.statuses import Statuses
from services.sender import metrics
from services.sender.domain.refusals import refused_message_from
from services.sender.domain.results import Result
from services.sender.domain.statuses import classifications_of, message_settled_from
from services.sender.handlers.error_tables import ErrorTables
from services.sender.handlers.refusal_effects import RefusalEffects

FOLLOW_UP_EFFECTS = frozenset({Effect.SUPPRESS_MARKETING, Effect.PAUSE_NUMBER, Effect.PAUSE_ACCOUNT})
"""The other effects (closing a window, holding a bucket) happen during the delivery."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUps:
    """Depends on the written result alone, so a repetition has the same effects and returns the same events."""

    statuses: Statuses
    effects: RefusalEffects
    errors: ErrorTables

    async def __call__(self, approved: MessageApproved, result: Result) -> Sequence[Event]:
        """Apply the effects of a result; the events that follow from it."""
        if result.unknown:
            return await self._settle(approved)
        code = result.details.get("provider_code")
        if not isinstance(code, int):
            return ()
        [(_, classification)] = classifications_of((code,), await self.errors.of(approved.number_id))
        if classification.effect not in FOLLOW_UP_EFFECTS:
            return ()
        return await self.effects(
            classification,
            refused_message_from(approved, code=code, at=approved.received_at, customer=approved.customer),
        )

    async def _settle(self, approved: MessageApproved) -> Sequence[Event]:
        """Settle the outcome by a status that arrived before the outcome was written as unknown."""
        message = await self.statuses.find(str(approved.event_id))
        settled = None if message is None else message_settled_from(message)
        if settled is None:
            return ()
        metrics.UNKNOWN_OUTCOMES_SETTLED.labels(settled.outcome).inc()
        return (settled,)
