"""`PendingAnswers`: the answer to a webhook that has no result yet, with the cause as far as it is a customer's."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

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


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingAnswers:
    """Answers 202 `pending`; the event is accepted, so no failure changes that."""

    answers: Answers
    restrictions: StandingRestrictions
    clock: Clock

    async def __call__(self, integration: Integration, event_id: UUID) -> Answer:
        """The answer, stored for the status address. Costs one write and one indexed read."""
        pending = success(AnswerStatus.PENDING, event_id)
        try:
            await self.answers.mark_pending(str(event_id), integration.id, now=self.clock())
        except GatewayError as error:
            log.warning("pending answer not stored", event_id=str(event_id), code=str(error.code))
            return pending
        return replace(pending, cause=AnswerCause.CREDENTIALS) if await self._is_held(integration) else pending

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
