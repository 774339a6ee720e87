"""`SequenceLog`: adds to the cumulative log what the chains have grown by, in rounds, outside the path of messages.

The rule: an index of the log is used once. A batch is one write under its first index, and everything else is derived
from batches: a crash between two lines, or a second sequencer whose lease ended, repeats work and cannot fork the log.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from libs.chassis.clock import Clock
from libs.chassis.telemetry import logger
from libs.record.keys import SigningKey
from libs.record.log_entries import TIME, Part, Statement, time_of
from libs.record.log_starts import start_of
from libs.record.log_tree import last_tiles
from libs.store.chains import ChainEnd
from libs.store.cumulative_log import MOST_LEAVES, LogBatch, LogBatches, LogIndex, LogPlace
from libs.store.instants import instant_from, micros_from
from libs.store.log_derivation import derived_from, place_of
from services.audit import metrics
from services.audit.handlers.log_growth import BrokenChain, ChainGrowth

log = logger(__name__)
CATCH_UP_PAGE: Final = 16


@dataclass(slots=True, kw_only=True)
class SequenceLog:
    """One round of the sequencer. Safe to repeat, and to run on several replicas at once."""

    growth: ChainGrowth
    batches: LogBatches
    index: LogIndex
    key: SigningKey = field(repr=False)
    clock: Clock
    heartbeat: timedelta
    """The log gets an entry at least this often."""
    most: int = MOST_LEAVES
    _size: int = field(default=-1, init=False)
    """The size of the log that `_places` fits; another size means that another process added to it."""
    _places: dict[str, LogPlace] = field(default_factory=dict, init=False)

    async def __call__(self) -> None:
        """Add what is new, then the time, so that every checkpoint ends with the time when it was made."""
        newest = await self._caught_up()
        ends = await self.growth.chains.ends()
        if newest is None:
            newest = await self._start(ends)
        if newest is not None:
            await self._add_new(newest, ends)

    async def _caught_up(self) -> LogBatch | None:
        """The newest batch of which everything is derived, once that is all that other processes, or a crash, left.

        Not the newest one that is stored: another process may add one just now, whose places it has not written yet.
        Whoever went on behind that one would log its records again. Here its index is taken, so `_add` adds nothing.
        """
        derived = await self.index.derived()
        newest = await self.batches.ending(derived)
        while page := await self.batches.page(derived, limit=CATCH_UP_PAGE):
            for newest in page:
                await self._derive(newest)
                derived = newest.end
        if newest is None or newest.end != self._size:
            self._places = dict(await self.growth.places.ends())
            self._size = 0 if newest is None else newest.end
        return newest

    async def _start(self, ends: Sequence[ChainEnd]) -> LogBatch | None:
        """Begin the log with the signed statements of the chains that exist already."""
        heads = []
        for end in ends:
            pairs = await self.growth.chains.hash_pairs(end.chain, after=end.seq - 1, limit=1)
            heads += [(end.chain, end.seq, own.hex()) for _, own in pairs]
        return await self._add(None, start_of(heads, at=self._now(), key=self.key))

    async def _add_new(self, newest: LogBatch, ends: Sequence[ChainEnd]) -> None:
        waiting: list[Part] = []
        size = 0
        async for part in self._new_parts(ends):
            waiting.append(part)
            size += part.count
            if size >= self.most:
                added = await self._add(newest, waiting)
                if added is None:
                    return
                newest, waiting, size = added, [], 0
        if waiting or self._is_quiet(newest):
            await self._add(newest, [*waiting, time_of(max(self._now(), newest.at))])

    async def _new_parts(self, ends: Sequence[ChainEnd]) -> AsyncIterator[Part]:
        """What is new of each chain, in the order of names. A chain that contradicts the log is counted, and left out.

        So is one that the log holds and that the store has no more.
        """
        known = {end.chain: end for end in ends}
        broken = 0
        for chain in sorted(known.keys() | self._places.keys()):
            place, end = (
                self._places.get(chain),
                known.get(chain, ChainEnd(chain=chain, seq=0, checkpoint=0, covered=0)),
            )
            if place is not None and place.last == end.seq:
                continue
            try:
                async for part in self.growth.parts(end, place):
                    yield part
            except BrokenChain:
                broken += 1
                log.error("chain is not logged: it contradicts the log; verify the record")  # noqa: TRY400 -- no traceback
        metrics.LOG_BROKEN_CHAINS.set(broken)

    def _is_quiet(self, newest: LogBatch) -> bool:
        """Whether nothing was added for so long that the log needs a sign of life, or its last entry is no time."""
        ends_with_time = isinstance(newest.parts[-1], Statement) and newest.parts[-1].fields["kind"] == TIME
        age = self.clock() - instant_from(newest.at)
        return not ends_with_time or age >= self.heartbeat

    async def _add(self, before: LogBatch | None, parts: Sequence[Part]) -> LogBatch | None:
        """Store a batch; None when another process was faster: what it added is derived in the next round."""
        batch = LogBatch.after(before, parts, at=self._now())
        if not await self.batches.add(batch):
            self._size = -1
            metrics.LOG_ROUNDS_LOST.inc()
            return None
        await self._derive(batch)
        self._note(batch)
        metrics.LOG_SIZE.set(batch.end)
        return batch

    async def _derive(self, batch: LogBatch) -> None:
        tiles = await self.index.tiles(last_tiles(batch.start))
        await self.index.derive(derived_from(batch, tiles))

    def _note(self, batch: LogBatch) -> None:
        index = batch.start
        for part in batch.parts:
            if (place := place_of(part, index)) is not None:
                self._places[place.chain] = place
            index += part.count
        self._size = batch.end

    def _now(self) -> int:
        return micros_from(self.clock())
