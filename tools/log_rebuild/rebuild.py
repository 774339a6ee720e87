"""`RebuildLog`: puts the log's entries together again, proves them, and stores them.

The rule: what is stored leads to the root of the last signed checkpoint, and of every one before it; otherwise nothing
is stored. Entries that no checkpoint covers are left out: audit takes them from the chains again.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from libs.chassis.clock import Clock
from libs.record.keys import PublicKeys
from libs.record.log_checkpoints import LogCheckpoint, log_keys
from libs.record.log_entries import HASH, TIME, Part, Span, Statement, leaf_hash, leaves_of, part_from_entry
from libs.record.log_tree import Tile, hashes_in
from libs.store.cumulative_log import MOST_LEAVES, LogBatch
from libs.store.log_proofs import cosigned
from libs.store.store import Store
from services.audit.handlers.log_round import JOB, LEASE_SECONDS
from tools.log_rebuild.entry_search import EntrySearch
from tools.log_rebuild.proven_leaves import NotRebuilt, proven_leaves
from tools.log_rebuild.tile_files import TileFiles

RENEWAL_SECONDS: Final = 30.0
"""The lease is audit's own, so that after a crash of either one the other one goes on as soon."""
_AT_ONCE: Final = 16
_TILES_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What was done."""

    origin: str
    entries: int
    """Of the log, up to the last signed checkpoint."""
    intact: int
    """Entries whose stored batch was sound."""
    root: str
    """The root of the tree, which is that of the checkpoint, in hexadecimal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildLog:
    """Rebuilds the log of a store. `known` are checkpoints from outside: of the sink, or kept by somebody."""

    store: Store
    keys: PublicKeys
    files: TileFiles
    known: Sequence[LogCheckpoint]
    clock: Clock
    owner: str

    async def __call__(self) -> Rebuilt:
        """Rebuild it while no round of audit runs. Raises NotRebuilt, and then has changed nothing."""
        if not await self._lease(LEASE_SECONDS):
            raise NotRebuilt(
                "audit adds to the log at this moment, or a process that did was killed; stop audit, and try again in "
                f"{LEASE_SECONDS / 60:g} minutes"
            )
        renewals = asyncio.create_task(self._renew())
        try:
            return await self._rebuilt()
        finally:
            renewals.cancel()
            await asyncio.gather(renewals, return_exceptions=True)
            await self._lease(0.0)

    async def _renew(self) -> None:
        """Keep the lease while the entries are searched; the last renewal, before the write, tells of a loss."""
        while True:
            await asyncio.sleep(RENEWAL_SECONDS)
            await self._lease(LEASE_SECONDS)

    async def _lease(self, seconds: float) -> bool:
        leases = self.store.job_leases
        return await leases.acquire(JOB, owner=self.owner, now=self.clock(), lease_seconds=seconds)

    async def _rebuilt(self) -> Rebuilt:
        checkpoints = await self._signed()
        last = max(checkpoints, key=lambda each: each.size)
        stored = await self._batches()
        leaves = proven_leaves(await self._sources(stored, last.size), checkpoints)
        intact = {batch.start: batch for batch in stored if _is_intact(batch, leaves)}
        entries = await self._entries(intact, stored, leaves)
        batches = list(_batches_of(entries, intact, {each.size for each in checkpoints}, last.size))
        if not batches or batches[-1].tree().root() != last.root:
            raise NotRebuilt("the rebuilt log has another root than its last signed checkpoint")
        if not await self._lease(LEASE_SECONDS):
            raise NotRebuilt("audit added to the log meanwhile; stop audit, and try again")
        await self.store.log_repair.replace(batches)
        kept = sum(batch.end - batch.start for batch in intact.values())
        return Rebuilt(origin=last.origin, entries=last.size, intact=kept, root=last.root.hex())

    async def _signed(self) -> list[LogCheckpoint]:
        """All checkpoints of the log that a trusted key signed; the log is that of the largest one."""
        found, after = [*self.known, self.files.checkpoint()], 0
        while page := await self.store.log_checkpoints.page(after, limit=1_000):
            after = page[-1].size
            for each in page:
                with suppress(ValueError):
                    found.append(cosigned(each))
        signed = [each for each in found if each and each.is_signed_by_any(log_keys(each.origin, self.keys))]
        if not signed:
            raise NotRebuilt("there is no checkpoint that a trusted key signed: nothing would prove the log")
        origin = max(signed, key=lambda each: each.size).origin
        return [each for each in signed if each.origin == origin and each.size]

    async def _batches(self) -> list[LogBatch]:
        """The stored batches that can be read."""
        found: list[LogBatch] = []
        starts = await self.store.log_repair.starts()
        for at in range(0, len(starts), _AT_ONCE):
            run = starts[at : at + _AT_ONCE]
            try:
                found += await self.store.log_batches.page(run[0], limit=len(run))
            except ValueError:
                for start in run:
                    with suppress(ValueError):
                        found += await self.store.log_batches.page(start, limit=1)
        return found

    async def _sources(self, stored: Sequence[LogBatch], size: int) -> Mapping[str, Mapping[int, bytes]]:
        """Leaves by index, from everything that has some."""
        own = {batch.start + at: leaf for batch in stored for at, leaf in enumerate(leaves_of(batch.parts))}
        files = await asyncio.to_thread(lambda: dict(self.files.leaves(size)))
        entries = await asyncio.to_thread(
            lambda: {index: leaf_hash(entry) for index, entry in self.files.entries(size)}
        )
        tiles = await self._stored_tiles(size)
        return {"batches": own, "stored tiles": tiles, "tile files": files, "entry files": entries}

    async def _stored_tiles(self, size: int) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        wanted = [Tile(0, number) for number in range(-(-size // 256))]
        for at in range(0, len(wanted), _TILES_AT_ONCE):
            tiles = await self.store.log_index.tiles(wanted[at : at + _TILES_AT_ONCE])
            for tile, content in tiles.items():
                found.update(enumerate(hashes_in(content), tile.number * 256))
        return {index: leaf for index, leaf in found.items() if len(leaf) == HASH}

    async def _entries(
        self, intact: Mapping[int, LogBatch], stored: Sequence[LogBatch], leaves: Sequence[bytes]
    ) -> Mapping[int, Part]:
        """The entries of the leaves that no intact batch has, each as a part. Raises NotRebuilt."""
        covered = {index for batch in intact.values() for index in range(batch.start, batch.end)}
        search = EntrySearch({index: leaf for index, leaf in enumerate(leaves) if index not in covered})
        for part in (part for batch in stored if batch.start not in intact for part in batch.parts):
            _offer(search, part.entries())
        await asyncio.to_thread(_offer, search, (entry for _, entry in self.files.entries(len(leaves))))
        await search.in_chains(self.store.chains)
        await search.in_times(self.store.log_checkpoints)
        if search.missing:
            count, first = len(search.missing), search.missing[0]
            raise NotRebuilt(f"entries that no source has: {count}, the first is entry {first}")
        return search.found


def _offer(search: EntrySearch, entries: Iterable[bytes]) -> None:
    for entry in entries:
        leaf = leaf_hash(entry)
        if search.wants(leaf):
            with suppress(ValueError):
                search.offer(part_from_entry(entry), leaf)


def _is_intact(batch: LogBatch, leaves: Sequence[bytes]) -> bool:
    return batch.end <= len(leaves) and leaves_of(batch.parts) == list(leaves[batch.start : batch.end])


def _batches_of(
    entries: Mapping[int, Part], intact: Mapping[int, LogBatch], sizes: set[int], size: int
) -> Iterator[LogBatch]:
    """The log's batches: intact ones as they were, others that end where a checkpoint does."""
    before: LogBatch | None = None
    waiting: list[Part] = []
    index = 0
    while index < size:
        own = intact.get(index)
        parts = own.parts if own is not None else (entries[index],)
        index += sum(part.count for part in parts)
        waiting += parts
        if own is not None or index in sizes or index in intact or len(waiting) >= MOST_LEAVES or index == size:
            before = LogBatch.after(before, _joined(waiting), at=_time_in(waiting) if own is None else own.at)
            waiting = []
            yield before


def _joined(parts: Sequence[Part]) -> list[Part]:
    """The parts, with records that follow each other in one span."""
    found: list[Part] = []
    for part in parts:
        last = found[-1] if found else None
        if (
            isinstance(part, Span)
            and isinstance(last, Span)
            and (part.chain, part.first) == (last.chain, last.last + 1)
        ):
            found[-1] = Span(last.chain, last.first, last.hashes + part.hashes)
        else:
            found.append(part)
    return found


def _time_in(parts: Sequence[Part]) -> int:
    """The last time in these parts; 0 when there is none: a batch is never earlier than the one before."""
    times = [part.fields["at"] for part in parts if isinstance(part, Statement) and part.fields["kind"] == TIME]
    return int(times[-1]) if times else 0
