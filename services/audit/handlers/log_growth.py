"""`ChainGrowth`: what a chain has that the cumulative log does not have yet, as parts of the log.

The rule: a chain that does not continue what the log holds of it is not logged further, unless a signed purge or a
signed restoration, used once, says why.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from libs.record.canonical import genesis
from libs.record.keys import PublicKeys
from libs.record.log_entries import Part, Span, Statement, purge_entry, restoration_entry
from libs.record.restorations import Restoration
from libs.store.chains import ChainEnd, Chains, Head
from libs.store.cumulative_log import LogPlace, LogPlaces

PAGE: Final = 1_000


class BrokenChain(Exception):  # noqa: N818 -- reads as what was found
    """The chain contradicts the log: its records were changed, or are missing."""


@dataclass(frozen=True, slots=True)
class ChainGrowth:
    """Reads chains for the log."""

    chains: Chains
    places: LogPlaces
    keys: PublicKeys

    async def parts(self, end: ChainEnd, place: LogPlace | None) -> AsyncIterator[Part]:
        """The parts up to `end`, page by page. Raises BrokenChain at the first record that does not fit."""
        last, known = (0, genesis(end.chain)) if place is None else (place.last, place.hash)
        if not await self._continues(end, last, known):
            statement, last, known = await self._reason(end, last)
            yield statement
        while last < end.seq:
            pairs = await self.chains.hash_pairs(end.chain, after=last, limit=min(PAGE, end.seq - last))
            if not pairs:
                raise BrokenChain
            known = _linked(known, pairs)
            yield Span(end.chain, last + 1, b"".join(own for _, own in pairs))
            last += len(pairs)

    async def _continues(self, end: ChainEnd, last: int, known: bytes) -> bool:
        """Whether the chain's next record follows the one that the log has as its last; True when there is none."""
        if end.seq < last:
            return False
        if end.seq == last:
            return True
        pairs = await self.chains.hash_pairs(end.chain, after=last, limit=1)
        return bool(pairs) and pairs[0][0] == known

    async def _reason(self, end: ChainEnd, last: int) -> tuple[Statement, int, bytes]:
        """The statement that says why the chain does not continue, and where it goes on. Raises BrokenChain."""
        head = next(iter(await self.chains.heads(end.chain)), None)
        if head is None:
            raise BrokenChain
        purge = head.purge
        if purge is not None and purge.seq > last and (key := self.keys.get(purge.key)) and purge.is_signed_by(key):
            return purge_entry(purge), purge.seq, purge.head
        for restoration in sorted(head.restorations, key=lambda each: each.at):
            statement = restoration_entry(restoration)
            if await self._is_usable(head, restoration, last, statement):
                return statement, restoration.seq, restoration.head
        raise BrokenChain

    async def _is_usable(self, head: Head, restoration: Restoration, last: int, statement: Statement) -> bool:
        if restoration.seq >= last or not restoration.is_valid(head.chain, self.keys):
            return False
        return not await self.places.has_statement(digest_of(statement))


def digest_of(statement: Statement) -> str:
    """The hash of a statement, by which it is found again."""
    return sha256(statement.text.encode()).hexdigest()


def _linked(known: bytes, pairs: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The last hash of pairs that follow each other from `known` on. Raises BrokenChain."""
    for before, own in pairs:
        if before != known or len(own) != len(known):
            raise BrokenChain
        known = own
    return known
