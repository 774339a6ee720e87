"""Verifies the chains of a store: reads them in pages and passes them to `libs.record.chain_verifier`.

The rule: only the verifier decides what a fault is. Pages and signatures are verified in a thread, so the event loop
stays free, and one page is in memory at a time.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from libs.record.chain_verifier import ChainVerifier
from libs.record.checkpoints import Checkpoint
from libs.record.faults import Fault, FaultKind, VerificationResult
from libs.record.keys import PublicKeys
from libs.store.chains import ChainEnd, Chains, Checkpoints, Head, read_chain
from libs.store.verified import VerifiedPlace

Pause = Callable[[], Awaitable[None]]
"""Called after each page and each chain; limits the load on the store, and stops the verification by raising."""


async def _no_pause() -> None:
    """Verify as fast as possible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainReader:
    """Reads and verifies single chains with trusted `keys`."""

    chains: Chains
    checkpoints: Checkpoints
    keys: PublicKeys
    pause: Pause = _no_pause

    async def whole(self, chain: str, *, shipped: Sequence[Checkpoint] = ()) -> VerificationResult:
        """Verify a chain from its first record; `shipped` are its checkpoints in another system."""
        head = next(iter(await self.chains.heads(chain)), None)
        if head is None:
            return ChainVerifier(chain, keys=self.keys, claimed=0, shipped=shipped).end()
        return (await self.from_head(head, shipped=shipped)).end()

    async def from_head(
        self, head: Head, *, shipped: Sequence[Checkpoint] = (), start: Checkpoint | None = None
    ) -> ChainVerifier:
        """Verify a chain up to `head`; again with its new head if records were purged in the meantime."""
        while True:
            verifier = verifier_of(head, keys=self.keys, shipped=shipped, start=start)
            await self._read_into(verifier, head, start)
            if verifier.end().ok:
                return verifier
            current = next(iter(await self.chains.heads(head.chain)), None)
            if current is None or current.purge == head.purge:
                return verifier
            head = current

    async def since(self, chain: str, place: VerifiedPlace | None) -> tuple[VerificationResult, VerifiedPlace | None]:
        """Verify what follows the last checkpoint of `place`; the result, and the new place when there is no fault."""
        head = next(iter(await self.chains.heads(chain)), None)
        if head is None or (place is not None and head.seq < place.seq):
            return _faulty(FaultKind.TRUNCATED, chain, 1 if head is None else head.seq + 1), None
        start = None
        if place is not None and place.checkpoint:
            start = next(iter(await self.checkpoints.page(chain, after=place.checkpoint - 1, limit=1)), None)
            if start is None or start.number != place.checkpoint:
                return _faulty(FaultKind.REMOVED_CHECKPOINT, chain, None, place.checkpoint), None
        verifier = await self.from_head(head, start=start)
        result = verifier.end()
        if result.ok and place is not None and not await self._has(head, place):
            result = _faulty(FaultKind.REWRITTEN, chain, place.seq)
        number, seq, hash_ = verifier.position
        return result, VerifiedPlace(chain=chain, checkpoint=number, seq=seq, hash=hash_) if result.ok else None

    async def _read_into(self, verifier: ChainVerifier, head: Head, start: Checkpoint | None) -> None:
        async for step in read_chain(self.chains, self.checkpoints, head, start=start):
            if isinstance(step, Checkpoint):
                await asyncio.to_thread(verifier.checkpoint, step)
            else:
                await asyncio.to_thread(verifier.links, step)
                await self.pause()
            if verifier.fault is not None:
                return

    async def _has(self, head: Head, place: VerifiedPlace) -> bool:
        """True when the place's record is still the one that was verified, or was purged."""
        if head.purge is not None and place.seq <= head.purge.seq:
            return True
        pairs = await self.chains.hash_pairs(head.chain, after=place.seq - 1, limit=1)
        return bool(pairs) and pairs[0][1] == place.hash


async def verify(
    chains: Chains,
    checkpoints: Checkpoints,
    *,
    keys: PublicKeys,
    only: str | None = None,
    shipped: Sequence[Checkpoint] = (),
) -> VerificationResult:
    """Recompute every chain, or `only` one, up to its current head; stop at the first fault.

    `shipped` are checkpoints from the sink, read before this call: the store must have all of them.
    """
    reader = ChainReader(chains=chains, checkpoints=checkpoints, keys=keys)
    heads, by_chain = await chains.heads(only), _by_chain(shipped)
    found = VerificationResult(len(heads), 0, 0, 0, None)
    for head in heads:
        found = sum_of(found, (await reader.from_head(head, shipped=by_chain.pop(head.chain, ()))).end())
        if not found.ok:
            return found
    missing = sorted(chain for chain in by_chain if only in {None, chain})
    if missing:  # only shipped checkpoints are left of this chain
        fault = (await reader.whole(missing[0], shipped=by_chain[missing[0]])).first_fault
        return replace(found, first_fault=fault)
    return found


async def verify_each(reader: ChainReader, *, shipped: Sequence[Checkpoint] = ()) -> AsyncIterator[VerificationResult]:
    """Verify every chain from its first record, and go on after a fault; the result of each chain."""
    by_chain = _by_chain(shipped)
    names = [end.chain for end in await reader.chains.ends()]
    for chain in sorted({*names, *by_chain}):
        result = await reader.whole(chain, shipped=by_chain.get(chain, ()))
        if not result.ok:  # the second time the chain is read with a new head: what it met in motion is no fault
            result = await reader.whole(chain, shipped=by_chain.get(chain, ()))
        yield result
        await reader.pause()


async def verify_new(
    reader: ChainReader, places: Mapping[str, VerifiedPlace]
) -> AsyncIterator[tuple[VerificationResult, VerifiedPlace | None]]:
    """Verify what is new in each chain since its place, and go on after a fault; the result and the new place.

    A chain that neither grew nor got a checkpoint is left out, unless it has records without a checkpoint.
    """
    ends = {end.chain: end for end in await reader.chains.ends()}
    for chain in sorted({*ends, *places}):
        place = places.get(chain)
        if not _is_new(ends.get(chain), place):
            continue
        found = await reader.since(chain, place)
        if not found[0].ok:
            found = await reader.since(chain, place)
        yield found
        await reader.pause()


def verifier_of(
    head: Head, *, keys: PublicKeys, shipped: Sequence[Checkpoint] = (), start: Checkpoint | None = None
) -> ChainVerifier:
    """What verifies a chain up to `head`, from `start` or from its first record."""
    return ChainVerifier(
        head.chain,
        keys=keys,
        claimed=head.seq,
        purge=head.purge,
        stray=head.stray,
        shipped=shipped,
        start=start,
        restorations=head.restorations,
        tail=head.hash,
    )


def _is_new(end: ChainEnd | None, place: VerifiedPlace | None) -> bool:
    if end is None or place is None:
        return True
    return (end.seq, end.checkpoint) != (place.seq, place.checkpoint) or end.seq != end.covered


def sum_of(one: VerificationResult, other: VerificationResult) -> VerificationResult:
    """Both results together, with the chains of `one` and the first fault of either."""
    return VerificationResult(
        one.chains,
        one.records + other.records,
        one.checkpointed + other.checkpointed,
        one.checkpoints + other.checkpoints,
        one.first_fault or other.first_fault,
        one.restorations + other.restorations,
        unshipped=one.unshipped + other.unshipped,
        backdated=one.backdated + other.backdated,
    )


def _faulty(kind: FaultKind, chain: str, seq: int | None, checkpoint: int | None = None) -> VerificationResult:
    return VerificationResult(1, 0, 0, 0, Fault(kind, chain, seq, checkpoint=checkpoint))


def _by_chain(checkpoints: Sequence[Checkpoint]) -> dict[str, list[Checkpoint]]:
    grouped: dict[str, list[Checkpoint]] = defaultdict(list)
    for checkpoint in checkpoints:
        grouped[checkpoint.chain].append(checkpoint)
    return grouped
