"""`FollowUps`: the events and effects that follow from a message's result, besides its answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.chassis.clock import Clock
from libs.contracts.events import Event, MessageApproved
from libs.store.statuses import Statuses
from services.sender import metrics
from services.sender.domain.identities import identity_linked_from
from services.sender.domain.refusals import refused_message_from
from services.sender.domain.results import Result
from services.sender.domain.statuses import message_settled_from
from services.sender.handlers.error_tables import ErrorTables
from services.sender.handlers.refusal_effects import RefusalEffects


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUps:
    """Depends on the written result alone, so a repetition has the same effects and returns the same events.

    The names in WhatsApp's answer are the exception: they are not written, and come again with the next answer.
    """

    statuses: Statuses
    effects: RefusalEffects
    errors: ErrorTables
    clock: Clock

    async def __call__(self, approved: MessageApproved, result: Result) -> Sequence[Event]:
        """Apply the effects of a result; the events that follow from it."""
        if result.unknown:
            return await self._settle(approved)
        refusal = result.refusal
        if refusal is None:
            return self._names(approved, result)
        answer = refusal.outcome()
        refused = refused_message_from(
            approved,
            answer,
            (await self.errors.of(approved.number_id)).classify(answer),
            at=refusal.at,
            customer=approved.customer,
            customer_user_id=approved.customer_user_id,
            template=refusal.template,
        )
        return await self.effects(refused)

    def _names(self, approved: MessageApproved, result: Result) -> Sequence[Event]:
        """The recipient's other names in WhatsApp's answer. After a crash the answer to the next message has them."""
        if result.accepted is None:
            return ()
        linked = identity_linked_from(approved, result.accepted, at=self.clock())
        return () if linked is None else (linked,)

    async def _settle(self, approved: MessageApproved) -> Sequence[Event]:
        """Settle the outcome by a status that arrived before the outcome was written as unknown."""
        message = await self.statuses.find(str(approved.event_id))
        settled = None if message is None else message_settled_from(message)
        if settled is None:
            return ()
        metrics.UNKNOWN_OUTCOMES_SETTLED.labels(settled.outcome).inc()
        return (settled,)
