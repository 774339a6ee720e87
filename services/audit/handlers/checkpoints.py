"""`SignCheckpoints` signs checkpoints and ships them; `CheckpointSchedule` decides when, chain by chain.

The rule: a checkpoint is stored first, and shipped until every sink has it. After a crash the next run continues from
what is stored. A chain whose hashes do not match, or that does not extend what was signed before, is not signed.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from libs.chassis.clock import Clock
from libs.chassis.telemetry import logger
from libs.record.canonical import genesis
from libs.record.checkpoints import checkpoint_from
from libs.record.keys import SigningKey
from libs.store.chains import ChainEnd, Chains, Checkpoints, Head
from libs.store.instants import instant_from, micros_from
from services.audit import metrics
from services.audit.handlers.extensions import ExtendsMemory
from services.audit.ports import Sink

log = logger(__name__)
_SHIP_BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SignCheckpoints:
    """Signs chains to their ends, in checkpoints of at most `records` records. One run at a time."""

    chains: Chains
    checkpoints: Checkpoints
    sink: Sink
    key: SigningKey = field(repr=False)
    clock: Clock
    records: int
    extends: ExtendsMemory | None = None
    """None: the store's newest checkpoint is believed, as in measurements."""
    refused: set[str] = field(default_factory=set)
    """Chains that do not extend what this signer signed before."""
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self, *, min_age: timedelta = timedelta()) -> None:
        """Sign every chain that has records without a checkpoint, and ship. Safe to repeat, also on several replicas.

        A chain whose newest checkpoint is younger than `min_age` is left for a later run: several replicas that run
        this at short intervals then make no more checkpoints than one.
        """
        async with self._turn:
            ends = await self.chains.ends()
            waiting = [end for end in ends if end.seq > end.covered]
            young = [end for end in waiting if self._age(end) < min_age]
            due = [end.chain for end in waiting if self._age(end) >= min_age]
            self.refused.intersection_update(end.chain for end in young)  # those are not tried now
            broken = sum([not await self._sign_chain(chain) for chain in due])
            self._report(ends, young, broken)
            await self._ship()

    async def sign(self, names: Collection[str]) -> None:
        """Sign these chains, and ship. Safe to repeat, also on several replicas."""
        async with self._turn:
            for name in sorted(names):
                await self._sign_chain(name)
            await self._ship()

    def _age(self, end: ChainEnd) -> timedelta:
        """The time since the newest checkpoint. A checkpoint from the future is old: a clock went back."""
        age = self.clock() - instant_from(end.checkpointed_at)
        return age if age >= timedelta() else timedelta.max

    def _report(self, ends: Sequence[ChainEnd], young: Sequence[ChainEnd], broken: int) -> None:
        metrics.CHAINS.set(len(ends))
        metrics.CHAIN_RECORDS.set(sum(end.seq for end in ends))
        metrics.BROKEN_CHAINS.set(broken)
        metrics.SIGNER_REFUSED.set(len(self.refused))
        if not broken:
            covered = [micros_from(self.clock()), *(end.checkpointed_at for end in young)]
            metrics.CHECKPOINTED_AT.set(instant_from(min(covered)).timestamp())

    async def _sign_chain(self, name: str) -> bool:
        return all([await self._sign(head) for head in await self.chains.heads(name)])

    async def _sign(self, head: Head) -> bool:
        """False for a broken chain; True when checkpoints of this or another replica cover it up to `head`."""
        before = head.checkpoint
        if self.extends is not None and (why := await self.extends(head)) is not None:
            self.refused.add(head.chain)
            metrics.SIGNER_REFUSED.set(len(self.refused))
            log.error(
                "chain is not signed: it does not extend what this signer signed before", chain=head.chain, why=why
            )
            return False
        self.refused.discard(head.chain)
        metrics.SIGNER_REFUSED.set(len(self.refused))
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
            if self.extends is not None:
                await self.extends.signed(checkpoint)
            before = checkpoint
        return True

    async def _ship(self) -> None:
        while waiting := await self.checkpoints.unshipped(_SHIP_BATCH):
            try:
                await self.sink.ship(waiting)
            except OSError as failure:
                metrics.SHIPPED.labels("delayed").inc()
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
    """The two jobs that sign: `timed` for every chain, and `busy` for the chains that `records` records were added to.

    `due` is set when there is a busy chain.
    """

    def __init__(self, sign: SignCheckpoints, *, records: int, seconds: float) -> None:
        self.due = asyncio.Event()
        self.interval = seconds / 4
        """Seconds between runs of `timed`: a chain is signed when its checkpoint is three quarters of `seconds` old,
        so no record waits longer than `seconds`."""
        self._sign, self._records = sign, records
        self._min_age = timedelta(seconds=seconds * 3 / 4)
        self._new: Counter[str] = Counter()

    def recorded(self, new: Mapping[str, int]) -> None:
        """Count the records that were written, by chain."""
        self._new.update(new)
        if any(self._new[chain] >= self._records for chain in new):
            self.due.set()

    async def timed(self) -> None:
        """Sign the chains that are due by their age."""
        self._new.clear()
        await self._sign(min_age=self._min_age)

    async def busy(self) -> None:
        """Sign the chains that are due by their number of new records; a failure leaves them to `timed`."""
        busy = [chain for chain, new in self._new.items() if new >= self._records]
        for chain in busy:
            del self._new[chain]
        await self._sign.sign(busy)

    async def finish(self) -> None:
        """Sign all chains to their ends."""
        await self._sign()
