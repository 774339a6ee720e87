"""`CountRecords` counts the records of a chain for a report, from signed tallies and from records that it verifies.

The rule: no figure comes from a record that was not verified when it was counted. A record is counted with a tally that
a trusted key signed, or while its hash, the trees and the signatures over it are recomputed. No index but that of the
chain is read.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

from libs.record.canonical import Link
from libs.record.chain_verifier import ChainVerifier
from libs.record.checkpoints import Checkpoint
from libs.record.facets import COUNTING
from libs.record.faults import Fault, FaultKind
from libs.record.keys import PublicKeys
from libs.record.restorations import Restoration
from libs.record.summary import Summary
from libs.record.tallies import Tally, summary_from
from libs.store.chains import Chains, Checkpoints, Head, read_chain
from libs.store.tallies import Tallies
from libs.store.verification import verifier_of

RECOMPUTED = 50_000
"""A chain with at most so many records is recomputed as a whole for each report; in a longer one, tallies count."""
_TALLIES_AT_ONCE = 25


@dataclass(slots=True, kw_only=True)
class ChainCount:
    """What was counted in a chain, and what was proven of it."""

    head: Head | None
    verified: bool
    """False without keys: then nothing is proven."""
    summaries: list[Summary] = field(default_factory=list)
    recomputed: int = 0
    """Records that were verified one by one."""
    tallied: int = 0
    """Records that signed tallies count."""
    restorations: tuple[Restoration, ...] = ()
    fault: Fault | None = None
    shipped: int = 0
    """Checkpoints from the sink with which the chain was compared."""

    @property
    def purged(self) -> int:
        """The position of the last record that was purged; 0 without one."""
        return 0 if self.head is None or self.head.purge is None else self.head.purge.seq

    def failed(self, fault: Fault | None) -> None:
        """Note a fault; the first one stands."""
        self.fault = self.fault or fault


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRecords:
    """Counts chains with trusted `keys`."""

    chains: Chains
    checkpoints: Checkpoints
    tallies: Tallies
    keys: PublicKeys
    recomputed: int = RECOMPUTED

    async def __call__(self, chain: str, exact: frozenset[int], shipped: Sequence[Checkpoint]) -> ChainCount:
        """Count a chain up to its head; in `exact` quarters of an hour, by each record's own time.

        Again from the beginning if records were purged in the meantime.
        """
        while True:
            head = next(iter(await self.chains.heads(chain)), None)
            count = await self._count(chain, head, exact, shipped)
            if count.fault is None:
                return count
            now = next(iter(await self.chains.heads(chain)), None)
            if (now and now.purge) == (head and head.purge):
                return count

    async def _count(
        self, chain: str, head: Head | None, exact: frozenset[int], shipped: Sequence[Checkpoint]
    ) -> ChainCount:
        count = ChainCount(head=head, verified=bool(self.keys), shipped=len(shipped))
        if head is None:
            if self.keys and shipped:
                count.failed(ChainVerifier(chain, keys=self.keys, claimed=0, shipped=shipped).end().first_fault)
            return count
        position, before = 0 if head.purge is None else head.purge.seq, None
        async for tally, summary in self._usable(head, exact):
            if tally.first > position + 1:
                end = await self._checkpoint(count, tally.after)
                await self._recount(count, head, (await self._end_of(count, before), end), exact, ())
            count.summaries.append(summary)
            count.tallied += tally.last - tally.first + 1
            position, before = tally.last, tally
        await self._recount(count, head, (await self._end_of(count, before), None), exact, shipped)
        return count

    async def _end_of(self, count: ChainCount, tally: Tally | None) -> Checkpoint | None:
        """The checkpoint that ends where the tally ends: the records after it are verified from there."""
        found = None if tally is None else await self._checkpoint(count, tally.checkpoint)
        if tally is not None and found is not None and (found.last, found.head) != (tally.last, tally.head):
            count.failed(Fault(FaultKind.REWRITTEN, tally.chain, tally.first, checkpoint=found.number))
        return found

    async def _usable(self, head: Head, exact: frozenset[int]) -> AsyncIterator[tuple[Tally, Summary]]:
        """The tallies that count in place of their records, in order; each is one that the tally before it led to."""
        position, before = 0 if head.purge is None else head.purge.seq, None
        if not self.keys or head.seq - position <= self.recomputed:
            return
        number = 0
        while page := await self.tallies.page(head.chain, after=number, limit=_TALLIES_AT_ONCE):
            for tally, summary in await asyncio.to_thread(self._read, page, exact):
                follows = before is None or tally.first > position + 1 or tally.previous == before.hash
                if follows and position < tally.first <= tally.last <= head.seq:
                    position, before = tally.last, tally
                    yield tally, summary
            number = page[-1][0].number

    def _read(self, page: Sequence[tuple[Tally, bytes]], exact: frozenset[int]) -> list[tuple[Tally, Summary]]:
        """The trusted ones, with what they count. Those in which an edge of the period lies are left out."""
        found = []
        for tally, body in page:
            if tally.counting == COUNTING and tally.is_of(body) and tally.is_trusted(self.keys):
                summary = summary_from(body)
                if summary.fits(exact):
                    found.append((tally, summary))
        return found

    async def _checkpoint(self, count: ChainCount, number: int) -> Checkpoint | None:
        """A checkpoint between tallies and records; None at the chain's beginning, or with a fault."""
        if number < 1 or count.head is None:
            return None
        found = next(iter(await self.checkpoints.page(count.head.chain, after=number - 1, limit=1)), None)
        if found is None or found.number != number:
            count.failed(Fault(FaultKind.REMOVED_CHECKPOINT, count.head.chain, None, checkpoint=number))
            return None
        return found

    async def _recount(
        self,
        count: ChainCount,
        head: Head,
        between: tuple[Checkpoint | None, Checkpoint | None],
        exact: frozenset[int],
        shipped: Sequence[Checkpoint],
    ) -> None:
        """Count the records between two checkpoints, or from the first to the head, while they are verified."""
        start, end = between
        if end is not None:
            head = replace(head, seq=end.last, last=end.last, checkpoint=end, stray=None, hash=None, restorations=())
        verifier = verifier_of(head, keys=self.keys, shipped=shipped, start=start)
        summary = Summary(exact)
        async for step in read_chain(self.chains, self.checkpoints, head, start=start):
            if isinstance(step, Checkpoint):
                await asyncio.to_thread(verifier.checkpoint, step)
            else:
                await asyncio.to_thread(_take, verifier, summary, step)
                count.recomputed += len(step)
        count.summaries.append(summary)
        if self.keys:
            result = verifier.end()
            count.failed(result.first_fault)
            count.restorations += result.restorations


def _take(verifier: ChainVerifier, summary: Summary, links: Sequence[Link]) -> None:
    verifier.links(links)
    summary.add(links)
