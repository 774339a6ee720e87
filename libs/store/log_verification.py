"""Verifies the cumulative log of a store, and compares every chain with it.

The rule: the log is read before the chains. What a chain has and the log has not yet is new; the reverse is a fault.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from libs.record.faults import Fault, FaultKind
from libs.record.keys import PublicKeys
from libs.record.log_checkpoints import LogCheckpoint
from libs.record.log_verifier import LOG, LogVerifier
from libs.store.chains import ChainEnd, Chains
from libs.store.cumulative_log import LogBatch, LogBatches, LogCheckpoints
from libs.store.log_proofs import cosigned

Pause = Callable[[], Awaitable[None]]
PAGE: Final = 1_000
BATCHES: Final = 16


async def _no_pause() -> None:
    """Verify as fast as possible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReader:
    """Reads the log and the chains with trusted `keys`; `pause` is called after each page."""

    chains: Chains
    batches: LogBatches
    checkpoints: LogCheckpoints
    keys: PublicKeys
    pause: Pause = _no_pause

    async def verified(self, known: Sequence[LogCheckpoint] = ()) -> LogVerifier | None:
        """The log's verifier after the whole log and all chains; None when there is no log, and nobody knows of one.

        `known` are checkpoints from outside: those of the sink, or of a witness.
        """
        verifier = await self.whole(known)
        if verifier is None:
            return None
        ends = {end.chain: end for end in await self.chains.ends()}
        for chain in sorted(ends.keys() | verifier.chains.keys()):
            await self.compare(verifier, chain, ends.get(chain))
        verifier.judge_shipped(await restored_at(self.chains, self.keys) if known else None)
        return verifier

    async def whole(self, known: Sequence[LogCheckpoint] = ()) -> LogVerifier | None:
        """The log's verifier after the whole log, and before the chains."""
        stored, fault = await self._stored()
        named = [*stored[-1:], *known]
        if not named and fault is None:
            return None
        verifier = LogVerifier(named[0].origin if named else "", keys=self.keys, checkpoints=[*stored, *known])
        verifier.fault = fault
        try:
            start = 0
            while page := await self.batches.page(start, limit=BATCHES):
                await asyncio.to_thread(_feed, verifier, page)
                await self.pause()
                start = page[-1].end
        except ValueError:
            verifier.fault = verifier.fault or Fault(FaultKind.LOG_REWRITTEN, LOG, verifier.size)
        verifier.end()
        return verifier

    async def compare(self, verifier: LogVerifier, chain: str, end: ChainEnd | None) -> None:
        """Compare one chain, up to its end, with what the log has of it."""
        seq = None
        while verifier.fault is None:
            links = await self.chains.links(chain, after=seq, limit=PAGE)
            verifier.links(chain, links)
            await self.pause()
            if len(links) < PAGE or type(links[-1].seq) is not int:
                break
            seq = links[-1].seq
        verifier.chain_end(chain, 0 if end is None else end.seq)

    async def _stored(self) -> tuple[list[LogCheckpoint], Fault | None]:
        found: list[LogCheckpoint] = []
        after, fault = 0, None
        while page := await self.checkpoints.page(after, limit=PAGE):
            after = page[-1].size
            for stored in page:
                try:
                    found.append(cosigned(stored))
                except ValueError:
                    fault = fault or Fault(FaultKind.FORGED_LOG, LOG, stored.size)
        return found, fault


async def restored_at(chains: Chains, keys: PublicKeys) -> int | None:
    """The time of the newest valid restoration of any chain (microseconds since 1970); None without one."""
    heads = await chains.heads()
    times = [each.at for head in heads for each in head.restorations if each.is_valid(head.chain, keys)]
    return max(times, default=None)


def _feed(verifier: LogVerifier, batches: Sequence[LogBatch]) -> None:
    for batch in batches:
        if batch.start != verifier.size and verifier.fault is None:
            verifier.fault = Fault(FaultKind.LOG_REWRITTEN, LOG, batch.start)
        verifier.parts(batch.parts)
