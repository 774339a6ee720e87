"""`OpenMemory`: loads the signer's memory at the start, and tells when it was lost.

The rule: a lost memory is never silent. The event is published before the new memory begins, so that a crash in between
tells it twice. Recording goes on in any case.
"""

from dataclasses import dataclass

from libs.chassis.clock import Clock, NewId, new_id
from libs.chassis.telemetry import logger
from libs.contracts.events import RecordSignerReset
from libs.store.chains import Chains
from services.audit import metrics
from services.audit.ports import MemoryUnreadable, Publisher, StoredMemory

log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenMemory:
    """Called once, before the first checkpoint is signed."""

    memory: StoredMemory
    chains: Chains
    publisher: Publisher
    clock: Clock
    replica: str
    new_id: NewId = new_id

    async def __call__(self) -> None:
        """Raises GatewayError(gateway_unavailable) when the loss cannot be published: then nothing is signed."""
        if self.memory.folder is None:
            log.warning("GATEWAY_SIGNER_MEMORY is not set: each start forgets what this replica has signed")
        reason = "absent"
        try:
            found = await self.memory.load()
        except MemoryUnreadable:
            found, reason = False, "unreadable"
        except OSError as failure:
            log.error("signer's memory cannot be used, kept in the process", failure=type(failure).__name__)  # noqa: TRY400 -- the exception tells no more
            found, self.memory.path = False, None
        if not found:
            await self._reset(reason)
        metrics.SIGNER_DURABLE.set(self.memory.path is not None)

    async def _reset(self, reason: str) -> None:
        signed = sum(end.checkpoint > 0 for end in await self.chains.ends())
        if signed or reason != "absent":
            metrics.SIGNER_RESETS.labels(reason).inc()
            log.error("signer's memory is lost: chains are taken as the store has them", reason=reason, chains=signed)
            event = RecordSignerReset(replica=self.replica, reason=reason, chains=signed)
            await self.publisher.publish(event, id=self.new_id(), at=self.clock())
        await self.memory.begin()
