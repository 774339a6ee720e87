"""`SignCheckpoints` signs checkpoints and ships them; `CheckpointSchedule` decides when.

The rule: a checkpoint is stored first, and shipped until every sink has it. After a crash the next run continues from
what is stored. A chain whose hashes do not match is never signed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from libs.chassis.clock import Clock
from libs.chassis.telemetry import logger
from libs.record.canonical import genesis
from libs.record.checkpoints import checkpoint_from
from libs.record.keys import SigningKey
from libs.store.chains import Chains, Checkpoints, Head
from libs.store.instants import micros_from
from services.audit import metrics
from services.audit.ports import Sink

log = logger(__name__)
_SHIP_BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SignCheckpoints:
    """Signs every chain to its end, in checkpoints of at most `records` records."""

    chains: Chains
    checkpoints: Checkpoints
    sink: Sink
    key: SigningKey = field(repr=False)
    clock: Clock
    records: int

    async def __call__(self) -> None:
        """Sign and ship what is missing. Safe to repeat, and for several replicas at once."""
        heads = await self.chains.heads()
        broken = 0
        for head in heads:
            broken += not await self._sign(head)
        metrics.CHAINS.set(len(heads))
        metrics.CHAIN_RECORDS.set(sum(head.seq for head in heads))
        metrics.BROKEN_CHAINS.set(broken)
        if not broken:
            metrics.CHECKPOINTED_AT.set(self.clock().timestamp())
        await self._ship()

    async def _sign(self, head: Head) -> bool:
        """False for a broken chain; True when checkpoints of this or another replica cover it up to `head`."""
        before = head.checkpoint
        while before is None or before.last < head.seq:
            after, previous = (0, genesis(head.chain)) if before is None else (before.last, before.head)
            pairs = await self.chains.hash_pairs(head.chain, after=after, limit=min(self.records, head.seq - after))
            if not pairs or not _are_linked(previous, pairs):
                log.error("chain is broken, not signed: verify the record", after=after)
                return False
            at = max(micros_from(self.clock()), 0 if before is None else before.at)
            checkpoint = checkpoint_from(head.chain, [own for _, own in pairs], before=before, at=at, key=self.key)
            if not await self.checkpoints.add(checkpoint):
                return True
            metrics.CHECKPOINTS.inc()
            before = checkpoint
        return True

    async def _ship(self) -> None:
        while waiting := await self.checkpoints.unshipped(_SHIP_BATCH):
            try:
                await self.sink.ship(waiting)
            except OSError as failure:
                metrics.SHIPPED.labels("delayed").inc(len(waiting))
                log.warning("checkpoints not shipped, will try again", failure=type(failure).__name__)
                return
            await self.checkpoints.mark_shipped(waiting)
            metrics.SHIPPED.labels("shipped").inc(len(waiting))


def _are_linked(previous: bytes, pairs: Sequence[tuple[bytes, bytes]]) -> bool:
    for before, own in pairs:
        if before != previous:
            return False
        previous = own
    return True


class CheckpointSchedule:
    """A job that runs `sign`; it sets `due` when `records` records were written since its last run."""

    def __init__(self, sign: Callable[[], Awaitable[None]], *, records: int) -> None:
        self.due = asyncio.Event()
        self._sign, self._records = sign, records
        self._new = 0

    def recorded(self, new: int) -> None:
        """Count records that were written."""
        self._new += new
        if self._new >= self._records:
            self.due.set()

    async def __call__(self) -> None:
        """Sign, and count from 0 again."""
        self._new = 0
        await self._sign()
