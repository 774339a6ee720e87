"""The signed tallies of the record's chains, from which reports take their figures (`libs.record.tallies`)."""

from collections.abc import Sequence
from typing import Protocol

from libs.record.tallies import Tally

RECORDS: int = 4_000
"""Records that a tally counts at least; at most one checkpoint's more. A hundred fit into the time of one report."""


class Tallies(Protocol):
    """Keeps tallies with their bodies. They are stored as signed; whoever reads them verifies them."""

    async def add(self, tally: Tally, body: bytes) -> bool:
        """Store a tally; False when another process has stored the chain's tally of this number."""

    async def newest(self, chain: str) -> Tally | None:
        """The chain's tally with the highest number."""

    async def page(self, chain: str, *, after: int, limit: int) -> Sequence[tuple[Tally, bytes]]:
        """Tallies in the order of their numbers, `after` a number, each with its body."""

    async def drop(self, chain: str, *, up_to: int) -> int:
        """Delete the tallies of the records up to the position `up_to`; returns how many. Safe to repeat."""
