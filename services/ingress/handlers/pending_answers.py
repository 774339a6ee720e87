"""`PendingAnswers`: the answer to a webhook that has no result yet, with the cause as far as it is a customer's."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

from libs.chassis.backoff import backoff
from libs.chassis.clock import Clock
from libs.chassis.telemetry import logger
from libs.contracts.errors import GatewayError
from libs.contracts.results import AnswerStatus
from libs.store.accounts import Integration
from libs.store.idempotency import Answers
from libs.store.restriction_effects import CREDENTIALS
from libs.store.restrictions import StandingRestrictions, of_number
from services.ingress.domain.answers import Answer, AnswerCause, success

log = logger(__name__)
_CAUSE_SECONDS: Final = 0.5
"""The caller has waited for its result already, and the cause is for the service level alone."""
MAX_UNMARKED: Final = 2_000
"""About 200 bytes each; those beyond are known at the status address once audit has recorded their answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingAnswers:
    """Answers 202 `pending`; the event is accepted, so no failure changes that.

    What could not be stored is stored later, so that the status address knows the event once the store is back.
    """

    answers: Answers
    restrictions: StandingRestrictions
    clock: Clock
    pauses: Sequence[float] = (0.5, 1.0, 2.0, 5.0)
    """Seconds between tries while the store is away; the last one repeats."""
    unmarked: dict[UUID, str] = field(default_factory=dict, repr=False)
    """The integrations of events whose pending answer is not stored yet."""
    marking: set[asyncio.Task[None]] = field(default_factory=set, repr=False)
    """The task that stores these, while there are any."""

    async def __call__(self, integration: Integration, event_id: UUID) -> Answer:
        """The answer, stored for the status address. Costs one write and one indexed read."""
        pending = success(AnswerStatus.PENDING, event_id)
        try:
            await self.answers.mark_pending(str(event_id), integration.id, now=self.clock())
        except GatewayError as error:
            log.warning("pending answer not stored", event_id=str(event_id), code=str(error.code))
            self._mark_later(integration, event_id)
            return pending
        return replace(pending, cause=AnswerCause.CREDENTIALS) if await self._is_held(integration) else pending

    def _mark_later(self, integration: Integration, event_id: UUID) -> None:
        if len(self.unmarked) < MAX_UNMARKED:
            self.unmarked[event_id] = integration.id
        if not self.marking:
            self.marking.add(asyncio.create_task(self._mark()))

    async def _mark(self) -> None:
        """Store what is not stored yet, one after the other, and begin again after a pause until all of it is."""
        pauses = backoff(*self.pauses)
        try:
            while self.unmarked:
                await asyncio.sleep(next(pauses))
                with suppress(GatewayError):
                    for event_id, integration_id in tuple(self.unmarked.items()):
                        await self.answers.mark_pending(str(event_id), integration_id, now=self.clock())
                        del self.unmarked[event_id]
        finally:
            self.marking.clear()

    async def _is_held(self, integration: Integration) -> bool:
        """Whether WhatsApp refuses the number's credentials now: sender holds its messages until that ends.

        False when that cannot be read in time: the answer then counts as the gateway's own.
        """
        number = [of_number(integration.instance_id)]
        with suppress(GatewayError, TimeoutError):
            async with asyncio.timeout(_CAUSE_SECONDS):
                rows = await self.restrictions.standing(integration.account_id, number, self.clock())
                return any(row.kind in CREDENTIALS for row in rows)
        return False
