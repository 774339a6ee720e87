"""`AttestLog`: has the newest checkpoint of the cumulative log cosigned by witnesses, and timestamped.

The rule: whatever a witness or an authority does, signing goes on; its failures are counted, and it is asked again.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from libs.chassis.clock import Clock
from libs.chassis.telemetry import logger
from libs.record.log_checkpoints import LogCheckpoint
from libs.store.cumulative_log import LogCheckpoints, StoredLogCheckpoint
from libs.store.log_proofs import LogProofs, NoProof, cosigned
from services.audit import metrics
from services.audit.ports import TimestampAuthority, Witness

log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestLog:
    """Asks for what the newest checkpoint lacks. Safe to repeat."""

    checkpoints: LogCheckpoints
    proofs: LogProofs
    witnesses: Sequence[Witness]
    authority: TimestampAuthority | None
    clock: Clock

    async def __call__(self) -> None:
        """Ask every witness that has not cosigned the newest checkpoint, and the authority."""
        stored = await self.checkpoints.newest()
        if stored is None:
            return
        checkpoint = cosigned(stored)
        asked = [each for each in self.witnesses if each.name not in stored.cosignatures]
        await asyncio.gather(*(self._cosign(each, checkpoint) for each in asked), self._timestamp(stored))

    async def _cosign(self, witness: Witness, checkpoint: LogCheckpoint) -> None:
        async def path_from(old: int) -> list[bytes]:
            return await self.proofs.consistency(old, checkpoint.size)

        try:
            signature = await witness.cosign(checkpoint, path_from)
        except (OSError, NoProof) as failure:
            metrics.LOG_COSIGNATURES.labels(witness.name, "failed").inc()
            metrics.LOG_COSIGNED_AT.labels(witness.name)  # an alert sees one that never cosigned
            log.warning("witness did not cosign", witness=witness.name, failure=str(failure))
            return
        await self.checkpoints.attest(checkpoint.size, cosignatures={witness.name: signature.line})
        metrics.LOG_COSIGNATURES.labels(witness.name, "cosigned").inc()
        metrics.LOG_COSIGNED_AT.labels(witness.name).set(self.clock().timestamp())

    async def _timestamp(self, stored: StoredLogCheckpoint) -> None:
        if self.authority is None or stored.timestamp is not None:
            return
        try:
            answer = await self.authority.timestamp(stored.note.encode())
        except OSError as failure:
            metrics.LOG_TIMESTAMPS.labels("failed").inc()
            log.warning("checkpoint of the log has no timestamp", failure=str(failure))
            return
        await self.checkpoints.attest(stored.size, timestamp=answer)
        metrics.LOG_TIMESTAMPS.labels("granted").inc()
        metrics.LOG_TIMESTAMPED_AT.set(self.clock().timestamp())
