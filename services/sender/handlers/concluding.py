"""What follows from a message's result besides the answer: what a refusal means, and how an unknown outcome ended."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.contracts.events import Event, MessageApproved
from libs.store.statuses import Statuses
from services.sender import metrics
from services.sender.domain.consequences import About
from services.sender.domain.learning import judgements_on, settled_from
from services.sender.domain.results import Result
from services.sender.domain.verdicts import Effect, VerdictTable
from services.sender.handlers.consequences import Consequences

FOLLOWED = frozenset({Effect.SUPPRESS_MARKETING, Effect.PAUSE_NUMBER, Effect.PAUSE_ACCOUNT})
"""Windows are closed and buckets held while the message is being delivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclude:
    """Reads all it does from the noted result, so that a repetition does and says the same."""

    statuses: Statuses
    consequences: Consequences
    table: VerdictTable

    async def __call__(self, approved: MessageApproved, result: Result) -> Sequence[Event]:
        """The events that follow a result, once its effects are safe."""
        if result.unknown:
            return await self._settled(approved)
        code = result.details.get("provider_code")
        if not isinstance(code, int):
            return ()
        [(_, judgement)] = judgements_on((code,), self.table)
        if judgement.effect not in FOLLOWED:
            return ()
        return await self.consequences(judgement, _about(approved, code))

    async def _settled(self, approved: MessageApproved) -> Sequence[Event]:
        """A status may have come before the outcome was noted as unknown, and found nothing to settle."""
        known = await self.statuses.of(str(approved.event_id))
        settled = None if known is None else settled_from(known)
        if settled is None:
            return ()
        metrics.SETTLED.labels(settled.outcome).inc()
        return (settled,)


def _about(approved: MessageApproved, code: int) -> About:
    return About(
        event_id=approved.event_id,
        account_id=approved.account_id,
        integration_id=approved.integration_id,
        number_id=approved.number_id,
        customer_key=approved.customer_key,
        customer=approved.customer,
        message_id=None,
        code=code,
        at=approved.received_at,
    )
