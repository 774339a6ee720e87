"""The record as chains: where each one stands, its links, its signed checkpoints, and where a purge let it begin.

Each account has a chain, and those records that belong to none have one (`libs.record.canonical.chain_of`).
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from libs.record.canonical import Link
from libs.record.checkpoints import Checkpoint, Purge

PAGE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where a chain stands, read at one moment."""

    chain: str
    seq: int
    """The place of its last record, purged ones counted; 0: it never had one."""
    last: int
    """The greatest place that a record really has; above `seq` only when somebody wrote past us."""
    checkpoint: Checkpoint | None
    """The newest one."""
    purge: Purge | None
    stray: str | None = None
    """A record that has no place at all: somebody wrote past us."""


class Chains(Protocol):
    """The links."""

    async def heads(self, chain: str | None = None) -> Sequence[Head]:
        """Every chain of which anything is kept, by name; or the one that is asked for, if it is there."""
        ...

    async def links(self, chain: str, *, after: int | None, limit: int) -> Sequence[Link]:
        """Records in the order of their places, from the very first or `after` a place on; as they are kept."""
        ...

    async def joints(self, chain: str, *, after: int, limit: int) -> Sequence[tuple[bytes, bytes]]:
        """The hashes alone, of the record before and of itself, in the same order."""
        ...

    async def place(self, record_id: str) -> tuple[str, int] | None:
        """Chain and place of a record; None when there is none."""
        ...


class Checkpoints(Protocol):
    """The signed points. They are kept for ever, also those whose records are purged."""

    async def page(self, chain: str, *, after: int, limit: int) -> Sequence[Checkpoint]:
        """Checkpoints in the order of their numbers, `after` a number."""
        ...

    async def add(self, checkpoint: Checkpoint) -> bool:
        """Keep it; False when another process has made the chain's checkpoint of this number."""
        ...

    async def unshipped(self, limit: int) -> Sequence[Checkpoint]:
        """Checkpoints that were not shipped out yet; of a chain, lower numbers come first."""
        ...

    async def shipped(self, checkpoints: Sequence[Checkpoint]) -> None:
        """They are kept elsewhere now. Safe to repeat."""
        ...


class Purges(Protocol):
    """The end of records."""

    async def purge(self, purge: Purge, *, limit: int) -> int:
        """Note the purge, then delete up to `limit` of its records, oldest first; how many. 0: all are gone.

        Safe to repeat, and to be interrupted at any moment. A purge never takes back a later one.
        """
        ...


async def walk(chains: Chains, checkpoints: Checkpoints, head: Head) -> AsyncIterator[Sequence[Link] | Checkpoint]:
    """A chain as it stood when `head` was read, in the order in which the verifier takes it.

    Checkpoints come before the records that they cover, some pages ahead; records in pages.
    """
    upto, sealed = max(head.seq, head.last), 0 if head.checkpoint is None else head.checkpoint.number
    reached: int | None = None
    number, covered, ended = 0, 0, False
    while number < sealed or not ended:
        if number < sealed and (ended or (reached or 0) >= covered):
            page = await checkpoints.page(head.chain, after=number, limit=PAGE)
            number, covered = (max(page[-1].number, number + len(page)), page[-1].last) if page else (sealed, covered)
            for checkpoint in page:
                if checkpoint.number <= sealed:  # later ones were made since
                    yield checkpoint
            continue
        bound = covered if number < sealed else upto
        links = await chains.links(head.chain, after=reached, limit=PAGE)
        ended = len(links) < PAGE
        if not ended:  # the last place is read again whole: somebody may have written to it twice
            links = [link for link in links if link.seq != links[-1].seq] or links
        found = [link for link in links if type(link.seq) is not int or link.seq <= bound]
        if found:
            yield found
        if len(found) < len(links):
            reached, ended = bound, bound >= upto
        elif links:
            reached = links[-1].seq
        ended = ended or not (reached is None or type(reached) is int)
