"""`ResultWriter`: writes a message's result into the ledger, retrying while the store is unavailable."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID

from libs.chassis.settlement import RetryLater
from libs.chassis.telemetry import logger
from libs.contracts.errors import ErrorCode, GatewayError
from libs.contracts.events import MessageApproved
from libs.contracts.results import AnswerStatus
from libs.store.ledger import ClaimInProgress
from services.sender import metrics
from services.sender.domain.results import ERASED_WHILE_WAITING, Result, ledger_bytes_from, result_from
from services.sender.handlers.dependencies import DeliveryDependencies

log = logger(__name__)
T = TypeVar("T")
_WRITE_PAUSES = (0.1, 0.3, 1.0, 2.0)
"""Seconds between tries to write while the store is unavailable; afterwards the broker delivers the message again."""
RECHECK_CLAIM = timedelta(seconds=1)
"""Wait before the next look at a message that another delivery has claimed: short, since a caller may be waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultWriter:
    """Writes results into the ledger for `owner`. The first written result stands."""

    deps: DeliveryDependencies
    owner: str
    unsaved: dict[UUID, Result] = field(default_factory=dict)
    """Results that the store has not accepted yet; a redelivery to this process writes them."""

    async def write(self, approved: MessageApproved, result: Result) -> Result:
        """Write the result; the one that stands. Raises RetryLater while another delivery has the claim."""
        self.unsaved[approved.event_id] = result
        outcome, now = ledger_bytes_from(result), self.deps.clock()
        event_id, message_id = str(approved.event_id), result.message_id
        forget = result.details.get("reason") == ERASED_WHILE_WAITING or not approved.customer_key
        finish = partial(self.deps.ledger.finish, event_id, outcome, now=now, message_id=message_id, owner=self.owner)
        standing = await self.retry(partial(finish, forget=forget))
        del self.unsaved[approved.event_id]
        if isinstance(standing, ClaimInProgress):
            raise RetryLater("another delivery is sending the message", after=RECHECK_CLAIM)
        if standing.outcome != outcome:
            # For example: this call outlived its lease, and another delivery wrote the outcome as unknown.
            metrics.CONTRADICTED_RESULTS.inc()
            log.warning("another result stands", event_id=event_id, discarded=result.code.value)
        final = result if standing.outcome == outcome else result_from(standing.outcome)
        final = replace(final, erased=standing.erased)
        metrics.MESSAGES.labels(final.code).inc()
        if final.code is AnswerStatus.SENT:
            metrics.MESSAGE_DELIVERY_SECONDS.observe(max(0.0, (now - approved.received_at).total_seconds()))
        if final.unknown:
            metrics.UNKNOWN_OUTCOMES.labels(final.details["reason"]).inc()
        return await self.release_quota(approved, final)

    async def release_quota(self, approved: MessageApproved, result: Result) -> Result:
        """Release the quota of a message that was not sent.

        Repeated deliveries call it again: the process may have stopped between the write and the release.
        """
        if result.not_sent:
            await self.deps.decisions.release(str(approved.event_id), self.deps.clock())
        return result

    async def retry(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call the store, and again after pauses while it is unavailable."""
        for pause in _WRITE_PAUSES:
            try:
                return await call()
            except GatewayError as error:
                if error.code is not ErrorCode.GATEWAY_UNAVAILABLE:
                    raise
            await self.deps.sleep(pause)
        return await call()
