"""Compares a restored record with shipped checkpoints: what it lost, and whether it contradicts them."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence

from libs.record.checkpoints import Checkpoint
from libs.record.keys import PublicKeys
from libs.record.restorations import Loss, Restoration, loss_of
from libs.store.backups import BackupRefused, Manifest
from libs.store.store import Store
from libs.store.verification import verify

_PAGE = 1_000


async def require_sound(store: Store, manifest: Manifest, keys: PublicKeys) -> int:
    """Verify the whole record; returns how many records.

    Raises BackupRefused for a fault, or a record that is shorter than the backup's manifest says.
    """
    found = await verify(store.chains, store.checkpoints, keys=keys)
    if found.first_fault is not None:
        fault = found.first_fault
        raise BackupRefused(f"the record in the backup has a fault: {fault.kind.value}, chain {fault.chain}")
    ends = {end.chain: end for end in await store.chains.ends()}
    for chain in manifest.chains:
        end = ends.get(chain.chain)
        if end is None or end.seq < chain.seq or end.checkpoint < chain.checkpoint:
            raise BackupRefused(f"the record is shorter than the manifest says: chain {chain.chain}")
    return found.records


async def losses_of(store: Store, shipped: Sequence[Checkpoint], keys: PublicKeys) -> list[Loss]:
    """What each chain lost in comparison with the sink.

    Raises BackupRefused for a record that contradicts the sink: it was altered, or restored without a statement.
    """
    by_chain: dict[str, list[Checkpoint]] = defaultdict(list)
    for each in shipped:
        key = keys.get(each.key)
        if key is not None and each.is_signed_by(key):
            by_chain[each.chain].append(each)
    losses = []
    for chain, trusted in sorted(by_chain.items()):
        own = [each async for each in _checkpoints(store, chain)]
        head = next(iter(await store.chains.heads(chain)), None)
        stated = [each for each in (head.restorations if head else ()) if each.is_valid(chain, keys)]
        loss = loss_of(chain, own, trusted, stated)
        if loss is not None:
            _require_prefix(chain, own, trusted, stated)
            losses.append(loss)
    return losses


def _require_prefix(
    chain: str, own: Sequence[Checkpoint], shipped: Sequence[Checkpoint], stated: Sequence[Restoration]
) -> None:
    """Raise BackupRefused when the chain has another checkpoint in place of a lost one."""
    numbers, kept = {each.number for each in own}, {each.hash for each in own}
    kept |= {hash_ for each in stated for hash_ in each.excused(shipped)}
    if any(each.hash not in kept and each.number in numbers for each in shipped):
        raise BackupRefused(
            f"the record contradicts the shipped checkpoints, chain {chain}: it was altered, or restored before "
            "without `gateway audit restored`"
        )


async def _checkpoints(store: Store, chain: str) -> AsyncIterator[Checkpoint]:
    after = 0
    while page := await store.checkpoints.page(chain, after=after, limit=_PAGE):
        for each in page:
            yield each
        after = page[-1].number
