"""Noting what became of a message: patiently while the store is away, and never over another's call under way."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from libs.chassis.settling import Later
from libs.chassis.telemetry import logger
from libs.contracts.errors import ErrorCode, GatewayError
from libs.contracts.events import MessageApproved
from libs.store.ledger import Held
from services.sender import metrics
from services.sender.domain.results import Result, bytes_from, result_from
from services.sender.handlers.surroundings import Surroundings

log = logger(__name__)
T = TypeVar("T")
_WRITE_PAUSES = (0.1, 0.3, 1.0, 2.0)
"""Seconds between tries to note a result while the store is away; after them the delivery waits its turn again."""
HELD = timedelta(seconds=1)
"""How soon a delivery looks again after another one that has the message: somebody may wait for the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Writes results into the ledger for `owner`; the first one stands."""

    around: Surroundings
    owner: str
    unsaved: dict[UUID, Result] = field(default_factory=dict)
    """Results that the store could not take yet; a redelivery to this process saves the truth."""

    async def __call__(self, approved: MessageApproved, result: Result) -> Result:
        """Note the result. What was noted first stands, and is what is said."""
        self.unsaved[approved.event_id] = result
        outcome, now = bytes_from(result), self.around.clock()
        event_id, message_id = str(approved.event_id), result.message_id
        standing = await self.written(
            lambda: self.around.ledger.finish(event_id, outcome, now=now, message_id=message_id, owner=self.owner)
        )
        del self.unsaved[approved.event_id]
        if isinstance(standing, Held):
            raise Later("another delivery is sending the message", after=HELD)
        if standing.outcome != outcome:
            _tell_contradiction(approved, result)
        final = result if standing.outcome == outcome else result_from(standing.outcome)
        metrics.MESSAGES.labels(final.code.value).inc()
        if final.unknown:
            metrics.UNKNOWN_OUTCOMES.labels(final.details["reason"]).inc()
        return await self.settled(approved, final)

    async def settled(self, approved: MessageApproved, result: Result) -> Result:
        """Give the quota back for what was surely not sent; also when asked again, since we may have died before."""
        if result.surely_not_sent:
            await self.around.reservations.release(str(approved.event_id), self.around.clock())
        return result

    async def written(self, write: Callable[[], Awaitable[T]]) -> T:
        """Write what must not be forgotten, patiently while the store is away."""
        for pause in _WRITE_PAUSES:
            try:
                return await write()
            except GatewayError as error:
                if error.code is not ErrorCode.GATEWAY_UNAVAILABLE:
                    raise
            await self.around.sleep(pause)
        return await write()


def _tell_contradiction(approved: MessageApproved, result: Result) -> None:
    """Another delivery had noted another end, such as unknown after our lease: it stands, but somebody should know."""
    metrics.CONTRADICTIONS.inc()
    log.warning("another result stands", event_id=str(approved.event_id), ours=result.code.value)
