"""`SignTallies` counts the records that checkpoints cover, run by run, and signs the counts for reports.

The rule: a run is counted only after its records, hashes, trees and signatures were verified. Several replicas make the
same tallies; the first one stores them.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from libs.chassis.clock import Clock
from libs.chassis.telemetry import logger
from libs.record.canonical import Link
from libs.record.chain_verifier import ChainVerifier
from libs.record.checkpoints import Checkpoint
from libs.record.facets import COUNTING
from libs.record.keys import PublicKeys, SigningKey
from libs.record.summary import Summary
from libs.record.tallies import Tally, body_from, tally_from
from libs.store.chains import PAGE_SIZE, Chains, Checkpoints, Head
from libs.store.instants import micros_from
from libs.store.tallies import RECORDS, Tallies
from services.audit import metrics

log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignTallies:
    """Makes the tallies that are due; to be called periodically. The message path does not wait for it."""

    chains: Chains
    checkpoints: Checkpoints
    tallies: Tallies
    key: SigningKey = field(repr=False)
    keys: PublicKeys
    clock: Clock
    records: int = RECORDS
    """Records that a tally counts at least."""

    async def __call__(self) -> int:
        """Count what checkpoints cover in every chain; returns how many tallies were made. Safe to repeat."""
        made = 0
        for end in await self.chains.ends():
            if end.covered >= self.records:
                made += await self._chain(end.chain)
        return made

    async def _chain(self, chain: str) -> int:
        head = next(iter(await self.chains.heads(chain)), None)
        if head is None:
            return 0
        made, newest = 0, await self._newest(head)
        done = max(0 if newest is None else newest.last, 0 if head.purge is None else head.purge.seq)
        start = await self._checkpoint_at(head.chain, done, 0 if newest is None else newest.checkpoint - 1)
        if done and start is None:
            return 0  # a checkpoint is missing: the verification says which
        async for run in self._runs(chain, start):
            newest = await self._count(head, start, run, newest)
            if newest is None:
                break
            made, start = made + 1, run[-1]
        return made

    async def _newest(self, head: Head) -> Tally | None:
        """The newest tally, after dropping those of purged records and those that another release counted."""
        if head.purge is not None:
            await self.tallies.drop(head.chain, up_to=head.purge.seq)
        newest = await self.tallies.newest(head.chain)
        if newest is not None and not (newest.counting == COUNTING and newest.is_trusted(self.keys)):
            await self.tallies.drop(head.chain, up_to=max(head.seq, newest.last))
            return None
        return newest

    async def _checkpoint_at(self, chain: str, seq: int, after: int) -> Checkpoint | None:
        """The checkpoint with a number above `after` that ends at `seq`."""
        while page := await self.checkpoints.page(chain, after=after, limit=PAGE_SIZE):
            for checkpoint in page:
                if checkpoint.last >= seq:
                    return checkpoint if checkpoint.last == seq else None
            after = page[-1].number
        return None

    async def _runs(self, chain: str, start: Checkpoint | None) -> AsyncIterator[list[Checkpoint]]:
        """Checkpoints that cover enough records together, in order."""
        run: list[Checkpoint] = []
        number = 0 if start is None else start.number
        while page := await self.checkpoints.page(chain, after=number, limit=PAGE_SIZE):
            for checkpoint in page:
                run.append(checkpoint)
                if sum(each.count for each in run) >= self.records:
                    yield run
                    run = []
            number = page[-1].number

    async def _count(
        self, head: Head, start: Checkpoint | None, run: Sequence[Checkpoint], before: Tally | None
    ) -> Tally | None:
        """The stored tally of a run; None when its records are missing or faulty, or another replica was faster."""
        verifier = ChainVerifier(head.chain, keys=self.keys, claimed=run[-1].last, start=start)
        summary = Summary()
        for checkpoint in run:
            verifier.checkpoint(checkpoint)
        async for links in self._links(head.chain, run[0].first, run[-1].last):
            await asyncio.to_thread(_take, verifier, summary, links)
        fault = verifier.end().first_fault
        if fault is not None:
            log.error("records are not counted: verify the record", fault=fault.kind.value, after=run[0].first - 1)
            return None
        body = await asyncio.to_thread(body_from, summary)
        at = max(micros_from(self.clock()), run[-1].at)
        tally = tally_from(body, run, before=before, at=at, key=self.key)
        if not await self.tallies.add(tally, body):
            return None
        metrics.TALLIES.inc()
        return tally

    async def _links(self, chain: str, first: int, last: int) -> AsyncIterator[Sequence[Link]]:
        after = first - 1
        while after < last:
            links = await self.chains.links(chain, after=after, limit=min(PAGE_SIZE, last - after))
            if not links or type(links[-1].seq) is not int:
                return
            yield links
            after = links[-1].seq


def _take(verifier: ChainVerifier, summary: Summary, links: Sequence[Link]) -> None:
    verifier.links(links)
    summary.add(links)
