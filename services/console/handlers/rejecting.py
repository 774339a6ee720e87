"""Put on the record that somebody was not let in, and why; a flood of them is counted instead (DESIGN §2)."""

from dataclasses import dataclass, field
from typing import NamedTuple

from libs.chassis.clock import Monotonic
from libs.chassis.flood import FloodGate
from libs.chassis.telemetry import logger
from libs.contracts.errors import GatewayError
from libs.contracts.events import OperatorRejected
from libs.store.outbox import Outbox
from services.console.domain.principals import Stranger
from services.console.handlers.changing import Changes

log = logger(__name__)


class Source(NamedTuple):
    """From where, and with whose token if it once was one."""

    address: str
    token_id: str | None
    account_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectOperator:
    """What it writes is published with the next changes, or within seconds."""

    outbox: Outbox
    changes: Changes
    monotonic: Monotonic
    gate: FloodGate[Source] = field(default_factory=FloodGate)

    async def __call__(self, who: Stranger, address: str, operation: str) -> None:
        """Record one rejection, or count it. Never raises: the caller is turned away in any case."""
        source = Source(address, who.token_id, who.account_id)
        if self.gate.admits(source, who.fault.value, at=self.monotonic()):
            await self._tell(source, who.fault.value, 1, operation)

    async def summarise(self) -> None:
        """Tell the record of minutes that are over; to be called every few seconds."""
        for summary in self.gate.summaries(at=self.monotonic()):
            for reason, count in summary.counts.items():
                await self._tell(summary.source or Source("several", None, None), reason, count, None)

    async def _tell(self, source: Source, reason: str, count: int, operation: str | None) -> None:
        event = OperatorRejected(
            account_id=source.account_id,
            reason=reason,
            client_address=source.address,
            operation=operation,
            token_id=source.token_id,
            count=count,
        )
        try:
            await self.outbox.post([self.changes.posted(event, self.changes.clock())])
        except GatewayError as failure:
            log.warning("rejection not recorded", code=failure.code.value, reason=reason, count=count)
