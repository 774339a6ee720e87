"""Verifies the cumulative log of a store, and compares every chain with it.

The rule: the log is read before the chains. What a chain has and the log has not yet is new; the reverse is a fault.
Of a chain only `seq` and hash are read here: that each hash is its record's is for `libs.store.verification`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from libs.record.faults import Fault, FaultKind
from libs.record.keys import PublicKeys
from libs.record.log_checkpoints import LogCheckpoint
from libs.record.log_verifier import LOG, LogVerifier
from libs.record.logged_chains import LogPosition
from libs.store.chains import ChainEnd, Chains
from libs.store.cumulative_log import LogBatch, LogBatches, LogCheckpoints
from libs.store.log_proofs import cosigned

Pause = Callable[[], Awaitable[None]]
PAGE: Final = 4_000
BATCHES: Final = 16
_ALL: Final = 1 << 62


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

    async def grown(self, start: LogPosition | None) -> tuple[Fault | None, LogPosition | None]:
        """Verify what the log grew by behind `start`, up to its newest checkpoint, and compare it with the chains.

        The fault, or the position to go on from; neither when there is no log yet.
        """
        stored, fault = await self._stored(0 if start is None else start.size - 1)
        fault = fault or (None if start is None else await self._lost(start, stored))
        if fault is not None or not stored:
            return fault, None
        verifier = LogVerifier(stored[-1].origin, keys=self.keys, checkpoints=stored, start=start)
        await self._read_into(verifier, upto=stored[-1].size)
        ends = {end.chain: end for end in await self.chains.ends()}
        for chain in sorted(verifier.chains):
            await self.compare(verifier, chain, ends.get(chain))
        if verifier.fault is not None:
            return verifier.fault, None
        return None, verifier.position if verifier.signed == verifier.size else start

    async def whole(self, known: Sequence[LogCheckpoint] = ()) -> LogVerifier | None:
        """The log's verifier after the whole log, and before the chains."""
        stored, fault = await self._stored()
        named = [*stored[-1:], *known]
        if not named and fault is None:
            return None
        verifier = LogVerifier(named[0].origin if named else "", keys=self.keys, checkpoints=[*stored, *known])
        verifier.fault = fault
        await self._read_into(verifier)
        return verifier

    async def compare(self, verifier: LogVerifier, chain: str, end: ChainEnd | None) -> None:
        """Compare one chain, up to its end, with what the verifier has of it."""
        logged = verifier.chains.get(chain)
        seq = last = 0
        if logged is not None:
            seq, last = logged.base, logged.last
        while verifier.fault is None and seq < last:
            places = await self.chains.hashes(chain, after=seq, limit=PAGE)
            if (at := verifier.differing(chain, places)) is not None:
                verifier.contradicted(chain, places[at][0], await self._record_at(chain, places[at]))
            await self.pause()
            if len(places) < PAGE or type(places[-1][0]) is not int:
                break
            seq = places[-1][0]
        verifier.chain_end(chain, 0 if end is None else end.seq)

    async def _record_at(self, chain: str, place: tuple[Any, Any]) -> str | None:
        """The id of the record with this `seq` and hash."""
        links = await self.chains.links_at(chain, [place[0]])
        return next((link.record_id for link in links if link.hash == place[1]), None)

    async def _read_into(self, verifier: LogVerifier, *, upto: int = _ALL) -> None:
        """Read the log on, to its end or to a size, and finish it."""
        start = verifier.size
        try:
            while start < upto and (page := await self.batches.page(start, limit=BATCHES)):
                await asyncio.to_thread(_feed, verifier, [batch for batch in page if batch.start < upto])
                await self.pause()
                start = page[-1].end
        except ValueError:
            verifier.fault = verifier.fault or Fault(FaultKind.LOG_REWRITTEN, LOG, verifier.size)
        verifier.end()

    async def _stored(self, after: int = 0) -> tuple[list[LogCheckpoint], Fault | None]:
        found: list[LogCheckpoint] = []
        fault = None
        while page := await self.checkpoints.page(after, limit=PAGE):
            after = page[-1].size
            for stored in page:
                try:
                    found.append(cosigned(stored))
                except ValueError:
                    fault = fault or Fault(FaultKind.FORGED_LOG, LOG, stored.size)
        return found, fault

    async def _lost(self, start: LogPosition, stored: Sequence[LogCheckpoint]) -> Fault | None:
        """The fault of a store that has not got the beginning any more that was verified; None when it has."""
        if not any(each.size == start.size for each in stored):
            return Fault(FaultKind.REMOVED_CHECKPOINT, LOG, start.size)
        try:
            before = await self.batches.ending(start.size)
        except ValueError:
            return Fault(FaultKind.LOG_REWRITTEN, LOG, start.size)
        if before is None or before.end < start.size:
            return Fault(FaultKind.LOG_TRUNCATED, LOG, 1 if before is None else before.end + 1)
        if (before.end, before.subtrees) != (start.size, start.subtrees):
            return Fault(FaultKind.LOG_REWRITTEN, LOG, start.size)
        return None


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
