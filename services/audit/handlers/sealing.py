"""Put the record under signed checkpoints, and ship them out.

The rule: a checkpoint is kept first and shipped then, until it has arrived: whatever dies in between, the next round
goes on from what is kept. Chains whose links do not meet are never signed.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from libs.chassis.clock import Clock
from libs.chassis.failures import where
from libs.chassis.telemetry import logger
from libs.contracts.errors import GatewayError
from libs.record.canonical import genesis
from libs.record.checkpoints import checkpoint_from
from libs.record.keys import SigningKey
from libs.store.chains import Chains, Checkpoints, Head
from services.audit import metrics
from services.audit.ports import Sink

log = logger(__name__)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHIPPED_AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """Seals every chain to its end, in checkpoints of at most `records`."""

    chains: Chains
    checkpoints: Checkpoints
    sink: Sink
    key: SigningKey = field(repr=False)
    clock: Clock
    records: int

    async def __call__(self) -> None:
        """Seal what is not sealed and ship what is not shipped. Safe to repeat, and for several replicas at once."""
        heads = await self.chains.heads()
        broken = 0
        for head in heads:
            broken += not await self._seal(head)
        metrics.CHAINS.set(len(heads))
        metrics.CHAIN_RECORDS.set(sum(head.seq for head in heads))
        metrics.BROKEN_CHAINS.set(broken)
        if not broken:
            metrics.SEALED_AT.set(self.clock().timestamp())
        await self._ship()

    async def _seal(self, head: Head) -> bool:
        """True when the chain is sealed up to `head`, here or by another replica."""
        before = head.checkpoint
        while before is None or before.last < head.seq:
            after, previous = (0, genesis(head.chain)) if before is None else (before.last, before.head)
            joints = await self.chains.joints(head.chain, after=after, limit=min(self.records, head.seq - after))
            if not joints or not _meet(previous, joints):
                log.error("chain is broken, not sealed: verify the record", behind=after)
                return False
            at = max((self.clock() - _EPOCH) // timedelta(microseconds=1), 0 if before is None else before.at)
            made = checkpoint_from(head.chain, [own for _, own in joints], before=before, at=at, key=self.key)
            if not await self.checkpoints.add(made):
                return True
            metrics.CHECKPOINTS.inc()
            before = made
        return True

    async def _ship(self) -> None:
        while waiting := await self.checkpoints.unshipped(_SHIPPED_AT_ONCE):
            try:
                await self.sink.ship(waiting)
            except OSError as failure:
                metrics.SHIPPED.labels("delayed").inc(len(waiting))
                log.warning("checkpoints not shipped, tried again", failure=type(failure).__name__)
                return
            await self.checkpoints.shipped(waiting)
            metrics.SHIPPED.labels("shipped").inc(len(waiting))


def _meet(previous: bytes, joints: Sequence[tuple[bytes, bytes]]) -> bool:
    for before, own in joints:
        if before != previous:
            return False
        previous = own
    return True


class SealingRound:
    """Seals every `seconds`, and sooner once `records` were written since."""

    def __init__(self, seal: Seal, *, seconds: float, records: int) -> None:
        self._seal, self._seconds, self._records = seal, seconds, records
        self._since = 0
        self._due = asyncio.Event()

    def recorded(self, new: int) -> None:
        """Count what was written."""
        self._since += new
        if self._since >= self._records:
            self._due.set()

    async def run(self) -> None:
        """Go round until cancelled."""
        while True:
            await self.once()
            try:
                async with asyncio.timeout(self._seconds):
                    await self._due.wait()
            except TimeoutError:
                continue

    async def once(self) -> None:
        """One round; what fails is left to the next."""
        self._since = 0
        self._due.clear()
        try:
            await self._seal()
        except GatewayError as failure:
            log.warning("sealing failed, tried again", code=failure.code.value)
        except Exception as defect:  # noqa: BLE001 -- recording goes on, and the next round may do
            log.error("sealing failed", failure=type(defect).__name__, at=where(defect))  # noqa: TRY400 -- its text may hold more
