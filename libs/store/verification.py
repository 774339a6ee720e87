"""Verifies the chains of a store: reads them in pages and passes them to `libs.record.chain_verifier`.

The rule: only the verifier decides what a fault is. Each page is verified in a thread, so the event loop stays free.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from libs.record.chain_verifier import ChainVerifier
from libs.record.checkpoints import Checkpoint
from libs.record.faults import VerificationResult
from libs.record.keys import PublicKeys
from libs.store.chains import Chains, Checkpoints, Head, read_chain


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
    heads = await chains.heads(only)
    found = VerificationResult(len(heads), 0, 0, 0, None)
    for head in heads:
        result = await _verify_chain(chains, checkpoints, head, partial(ChainVerifier, keys=keys, shipped=shipped))
        found = VerificationResult(
            found.chains,
            found.records + result.records,
            found.checkpointed + result.checkpointed,
            found.checkpoints + result.checkpoints,
            result.first_fault,
        )
        if not found.ok:
            return found
    known = {head.chain for head in heads}
    missing = sorted(c.chain for c in shipped if c.chain not in known and only in {None, c.chain})
    if missing:  # only shipped checkpoints are left of this chain
        fault = ChainVerifier(missing[0], keys=keys, claimed=0, shipped=shipped).end().first_fault
        return replace(found, first_fault=fault)
    return found


async def _verify_chain(
    chains: Chains, checkpoints: Checkpoints, head: Head, new_verifier: Callable[..., ChainVerifier]
) -> VerificationResult:
    """Verify one chain; again with its new head if records were purged in the meantime."""
    while True:
        verifier = new_verifier(head.chain, claimed=head.seq, purge=head.purge, stray=head.stray)
        async for step in read_chain(chains, checkpoints, head):
            if isinstance(step, Checkpoint):
                verifier.checkpoint(step)
            else:
                await asyncio.to_thread(verifier.links, step)
            if verifier.fault is not None:
                break
        result = verifier.end()
        if result.ok:
            return result
        current = next(iter(await chains.heads(head.chain)), None)
        if current is None or current.purge == head.purge:
            return result
        head = current
