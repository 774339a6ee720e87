"""`SignLog`: signs the cumulative log's tree, and has it shipped, cosigned and timestamped.

The rule: what is signed extends what this signer signed before. It starts from the remembered size and root and adds
the entries since then itself: whatever the store says of the tree is not believed.
"""

from dataclasses import dataclass, field
from typing import Final

import orjson

from libs.chassis.clock import Clock
from libs.chassis.telemetry import logger
from libs.record.keys import PublicKeys, SigningKey
from libs.record.log_checkpoints import log_checkpoint, log_checkpoint_from, log_keys
from libs.record.log_entries import leaves_of
from libs.record.merkle import EMPTY, Tree
from libs.store.chains import Chains
from libs.store.cumulative_log import LogBatches, LogCheckpoints
from libs.store.instants import micros_from
from libs.store.log_verification import restored_at
from services.audit import metrics
from services.audit.ports import LineSink, SignerMemory

log = logger(__name__)
LOG: Final = "log"
"""A log's name in the signer's memory is this, a colon, and its origin: a log with a new origin is a new one."""
PAGE: Final = 16
_SHIP_BATCH: Final = 200


class Rollback(Exception):  # noqa: N818 -- reads as what was found
    """The stored log does not extend what was signed before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignLog:
    """Signs the log as it is stored. Safe to repeat, also on several replicas."""

    batches: LogBatches
    checkpoints: LogCheckpoints
    chains: Chains
    memory: SignerMemory | None
    """None: the newest stored checkpoint is all that is remembered."""
    sink: LineSink
    origin: str
    key: SigningKey = field(repr=False)
    keys: PublicKeys
    clock: Clock

    async def __call__(self) -> None:
        """Sign the log's newest size unless it is signed, and ship."""
        try:
            await self._sign()
        except (Rollback, ValueError):
            metrics.LOG_REFUSED.set(1)
            log.error("log is not signed: it does not extend what was signed; verify the record")  # noqa: TRY400 -- found
        else:
            metrics.LOG_REFUSED.set(0)
        await self._ship()

    async def _sign(self) -> None:
        name = f"{LOG}:{self.origin}"
        size, root = await self._signed_before(name)
        tree = await self._extended_or_restored(name, size, root)
        stored = await self.checkpoints.newest()
        if tree.size == 0 or (stored is not None and stored.size >= tree.size):
            return
        if self.memory is not None:  # before the checkpoint exists: what is remembered is never behind what is signed
            await self.memory.write(name, tree.size, tree.root())
        checkpoint = log_checkpoint(self.origin, tree.size, tree.root(), self.key)
        at = micros_from(self.clock())
        if await self.checkpoints.add(tree.size, str(checkpoint.note), at=at):
            metrics.LOG_SIGNED_AT.set(at / 1e6)

    async def _extended_or_restored(self, name: str, size: int, root: bytes) -> Tree:
        """The log's tree; that of a restored store when a signed restoration is newer than what is remembered."""
        try:
            return await self._extended(size, root)
        except Rollback:
            remembered = None if self.memory is None else await self.memory.remembered(name)
            restored = await restored_at(self.chains, self.keys)
            if remembered is None or restored is None or restored <= remembered.at:
                raise
        log.warning("the log was restored: signed on from the newest checkpoint that it has")
        return await self._extended(*await self._stored_before())

    async def _signed_before(self, name: str) -> tuple[int, bytes]:
        """Size and root that were signed last: the larger of what is remembered and what is stored with a signature."""
        remembered = None if self.memory is None else await self.memory.read(name)
        if remembered is not None:
            return remembered
        if self.memory is not None:
            log.warning("the signer's memory has no log: continued from the newest stored checkpoint")
        return await self._stored_before()

    async def _stored_before(self) -> tuple[int, bytes]:
        """Size and root of the newest stored checkpoint. Raises Rollback when no trusted key signed it."""
        stored = await self.checkpoints.newest()
        if stored is None:
            return 0, EMPTY
        checkpoint = log_checkpoint_from(stored.note)
        if not checkpoint.is_signed_by_any(log_keys(checkpoint.origin, self.keys)):
            raise Rollback
        return checkpoint.size, checkpoint.root

    async def _extended(self, size: int, root: bytes) -> Tree:
        """The tree that was signed, with the entries since then. Raises Rollback when the stored one differs."""
        tree = Tree()
        if size:
            signed = await self.batches.ending(size)
            tree = tree if signed is None else signed.tree()
            if tree.size != size or tree.root() != root:
                raise Rollback
        while page := await self.batches.page(tree.size, limit=PAGE):
            for batch in page:
                if batch.start != tree.size:
                    raise Rollback
                tree.extend(leaves_of(batch.parts))
                if tree.subtrees != batch.subtrees:
                    raise Rollback
        return tree

    async def _ship(self) -> None:
        while waiting := await self.checkpoints.unshipped(_SHIP_BATCH):
            lines = [
                orjson.dumps({"kind": "log.checkpoint", "at": each.at, "size": each.size, "note": each.note}).decode()
                for each in waiting
            ]
            try:
                await self.sink.ship_lines(lines)
            except OSError as failure:
                metrics.SHIPPED.labels("delayed").inc()
                log.warning("checkpoints of the log not shipped, will try again", failure=type(failure).__name__)
                return
            await self.checkpoints.mark_shipped([each.size for each in waiting])
