"""Finds the entry of a leaf whose batch is lost: among the chains' records, their statements, and the times.

The rule: an entry is found when its hash is the leaf, so that nothing of what is searched has to be believed.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from libs.record.log_entries import HASH, Part, Span, purge_entry, restoration_entry, time_of
from libs.store.chains import Chains
from libs.store.cumulative_log import LogCheckpoints

PAGE: Final = 4_000
_LAST: Final = 2**53
"""No record has a greater `seq`."""
LONGEST_ROUND: Final = 3_000_000
"""Microseconds: the last entry under a checkpoint says at most so much less than the time when that was signed."""


class EntrySearch:
    """Looks for the entries of these leaves, each of which may be wanted at several indexes."""

    def __init__(self, wanted: Mapping[int, bytes]) -> None:
        self.found: dict[int, Part] = {}
        self._wanted, self._indexes = wanted, dict[bytes, list[int]]()
        for index, leaf in wanted.items():
            self._indexes.setdefault(leaf, []).append(index)

    @property
    def missing(self) -> Sequence[int]:
        """The indexes of the entries that are not found."""
        return sorted(index for indexes in self._indexes.values() for index in indexes)

    def wants(self, leaf: bytes) -> bool:
        """Whether the entry of this leaf is not found yet."""
        return leaf in self._indexes

    def offer(self, part: Part, leaf: bytes) -> None:
        """Take a part of one entry if it is wanted."""
        self.found.update(dict.fromkeys(self._indexes.pop(leaf, []), part))

    async def in_chains(self, chains: Chains) -> None:
        """Offer every record, and every statement that moved a chain."""
        for head in await chains.heads() if self._indexes else ():
            statements = [restoration_entry(each) for each in head.restorations]
            statements += [] if head.purge is None else [purge_entry(head.purge)]
            for statement in statements:
                self.offer(statement, statement.leaves()[0])
            after = 0
            while self._indexes and (page := await chains.hashes(head.chain, after=after, limit=PAGE)):
                for seq, found in page:
                    if type(seq) is int and isinstance(found, bytes) and len(found) == HASH:
                        span = Span(head.chain, seq, found)
                        self.offer(span, span.leaves()[0])
                after = page[-1][0] if type(page[-1][0]) is int else _LAST

    async def in_times(self, checkpoints: LogCheckpoints) -> None:
        """Offer the times before each checkpoint's: its last entry is the time of the round that it was signed in."""
        after = 0
        while self._indexes and (page := await checkpoints.page(after, limit=PAGE)):
            after = page[-1].size
            wanted = set(self.missing)
            for each in page:
                if each.size - 1 in wanted:
                    self._search_time(each.size - 1, each.at)

    def _search_time(self, index: int, until: int) -> None:
        leaf = self._wanted[index]
        for statement in _times_before(until):
            if statement.leaves()[0] == leaf:
                self.offer(statement, leaf)
                return


def _times_before(until: int) -> Iterator[Part]:
    return (time_of(at) for at in range(until, until - LONGEST_ROUND, -1))
