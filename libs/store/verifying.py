"""Verify what a store keeps: read it as it is, in pages, and let the record's own verifier judge.

The rule: nothing is judged here. A page is verified in a thread, so that whoever asks can go on with other work.
"""

import asyncio
from collections.abc import Sequence

from libs.record.checkpoints import Checkpoint
from libs.record.faults import Fault, Verdict
from libs.record.keys import Keys
from libs.record.verifying import ChainVerifier
from libs.store.chains import Chains, Checkpoints, Head, walk


async def verify(
    chains: Chains, checkpoints: Checkpoints, *, keys: Keys, only: str | None = None, shipped: Sequence[Checkpoint] = ()
) -> Verdict:
    """Recompute every chain, or `only` one, up to where it stands now; the first fault ends it.

    `shipped` are checkpoints that were kept elsewhere, read before this is called: later ones the store may lack.
    """
    heads = await chains.heads(only)
    found = Verdict(len(heads), 0, 0, 0, None)
    for head in heads:
        verdict = await _chain(chains, checkpoints, head, keys=keys, shipped=shipped)
        found = Verdict(
            found.chains,
            found.records + verdict.records,
            found.sealed + verdict.sealed,
            found.checkpoints + verdict.checkpoints,
            verdict.first_fault,
        )
        if not found.ok:
            return found
    gone = _gone({head.chain for head in heads}, keys=keys, only=only, shipped=shipped)
    return Verdict(found.chains, found.records, found.sealed, found.checkpoints, gone)


async def _chain(
    chains: Chains, checkpoints: Checkpoints, head: Head, *, keys: Keys, shipped: Sequence[Checkpoint]
) -> Verdict:
    verdict = await _once(chains, checkpoints, head, keys=keys, shipped=shipped)
    while not verdict.ok:
        now = next(iter(await chains.heads(head.chain)), None)
        if now is None or now.purge == head.purge:
            break
        head = now  # records were purged while we read
        verdict = await _once(chains, checkpoints, head, keys=keys, shipped=shipped)
    return verdict


async def _once(
    chains: Chains, checkpoints: Checkpoints, head: Head, *, keys: Keys, shipped: Sequence[Checkpoint]
) -> Verdict:
    verifier = ChainVerifier(
        head.chain, keys=keys, claimed=head.seq, purge=head.purge, stray=head.stray, shipped=shipped
    )
    async for step in walk(chains, checkpoints, head):
        if isinstance(step, Checkpoint):
            verifier.checkpoint(step)
        else:
            await asyncio.to_thread(verifier.links, step)
        if verifier.fault is not None:
            break
    return verifier.end()


def _gone(known: set[str], *, keys: Keys, only: str | None, shipped: Sequence[Checkpoint]) -> Fault | None:
    """A chain of which nothing is left but what was shipped out."""
    for chain in sorted({checkpoint.chain for checkpoint in shipped} - known):
        if only in {None, chain}:
            return ChainVerifier(chain, keys=keys, claimed=0, shipped=shipped).end().first_fault
    return None
