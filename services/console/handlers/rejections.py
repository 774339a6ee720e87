"""Records rejected calls and why they were rejected; a flood of them is counted and recorded once a minute."""

from dataclasses import dataclass, field
from typing import NamedTuple

from libs.chassis.clock import Monotonic
from libs.chassis.telemetry import logger
from libs.chassis.throttle import AggregatingThrottle
from libs.contracts.errors import GatewayError
from libs.contracts.events import OperatorRejected
from services.console.domain.principals import RejectedCaller
from services.console.handlers.changes import Changes

log = logger(__name__)


class Source(NamedTuple):
    """A client's address, with the id and account of the expired or revoked token that it sent."""

    address: str
    token_id: str | None
    account_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRejection:
    """Stores OperatorRejected events; they are published with the next changes, or within seconds."""

    changes: Changes
    monotonic: Monotonic
    throttle: AggregatingThrottle[Source] = field(default_factory=AggregatingThrottle)

    async def __call__(self, caller: RejectedCaller, address: str, operation: str) -> None:
        """Record one rejection, or count it. Never raises: the call is rejected in any case."""
        source = Source(address, caller.token_id, caller.account_id)
        if self.throttle.admits(source, caller.reason.value, at=self.monotonic()):
            await self._record(source, caller.reason.value, 1, operation)

    async def summarise(self) -> None:
        """Record the counts of minutes that have ended; to be called every few seconds."""
        for summary in self.throttle.summaries(at=self.monotonic()):
            for reason, count in summary.counts.items():
                await self._record(summary.source or Source("several", None, None), reason, count, None)

    async def _record(self, source: Source, reason: str, count: int, operation: str | None) -> None:
        event = OperatorRejected(
            account_id=source.account_id,
            reason=reason,
            client_address=source.address,
            operation=operation,
            token_id=source.token_id,
            count=count,
        )
        try:
            await self.changes.outbox.add([self.changes.outbox_event(event, self.changes.clock())])
        except GatewayError as failure:
            log.warning("rejection not recorded", code=failure.code.value, reason=reason, count=count)
