"""The hash chains of the record: heads, links, signed checkpoints and purges.

Each account has a chain; records without an account share one more (`libs.record.canonical.chain_of`).
"""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from libs.record.canonical import Link
from libs.record.checkpoints import Checkpoint, Purge
from libs.record.restorations import Restoration

PAGE_SIZE = 250
"""Links or checkpoints that `read_chain` reads at once: a thousand take 4 MB more, and no less time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The end of a chain, read at one moment."""

    chain: str
    seq: int
    """The `seq` of its last record, also of a purged one; 0 when it never had one."""
    last: int
    """The greatest `seq` of a stored record. Above `seq` only when a record was written from outside the gateway."""
    checkpoint: Checkpoint | None
    """The newest checkpoint."""
    purge: Purge | None
    stray: str | None = None
    """The id of a record whose `seq` is no integer: it was written from outside the gateway."""
    hash: bytes | None = None
    """The hash of its last record, where the store keeps that apart from the record."""
    restorations: tuple[Restoration, ...] = ()
    """The statements in the chain's records that it was restored; whoever uses one checks its signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainEnd:
    """How far a chain goes, and how far its checkpoints cover it; two numbers instead of a `Head`."""

    chain: str
    seq: int
    """As in `Head`."""
    checkpoint: int
    """The number of its newest checkpoint; 0 without one."""
    covered: int
    """The `seq` of the last record that the newest checkpoint covers; 0 without a readable one."""
    checkpointed_at: int = 0
    """The time of the newest checkpoint, in microseconds since 1970; 0 without a readable one."""


def chain_end_from(chain: str, seq: int, newest: Checkpoint | None) -> ChainEnd:
    """The end of a chain whose newest checkpoint is `newest`; an unreadable one covers nothing."""
    if newest is None:
        return ChainEnd(chain=chain, seq=seq, checkpoint=0, covered=0)
    return ChainEnd(chain=chain, seq=seq, checkpoint=newest.number, covered=newest.last, checkpointed_at=newest.at)


class Chains(Protocol):
    """Reads chains."""

    async def ends(self) -> Sequence[ChainEnd]:
        """The ends of all stored chains, by name. Three queries at most, along indexes."""

    async def heads(self, chain: str | None = None) -> Sequence[Head]:
        """The heads of all stored chains, by name; or of one chain, if it exists."""

    async def links(self, chain: str, *, after: int | None, limit: int) -> Sequence[Link]:
        """Links in the order of their `seq`, from the first or from `after` on, exactly as stored."""

    async def links_at(self, chain: str, seqs: Collection[int]) -> Sequence[Link]:
        """The links at these positions, in the order of their `seq`; where there is none, none."""

    async def hash_pairs(self, chain: str, *, after: int, limit: int) -> Sequence[tuple[bytes, bytes]]:
        """The hash of the previous record and of the record itself, for each link in the same order."""

    async def hashes(self, chain: str, *, after: int, limit: int) -> Sequence[tuple[Any, Any]]:
        """`seq` and hash of the records after a `seq`, exactly as stored: all that a comparison with the log needs."""

    async def position_of(self, record_id: str) -> tuple[str, int] | None:
        """The chain and `seq` of a record; None when there is no such record."""


class Checkpoints(Protocol):
    """Signed checkpoints. They are never deleted, even when their records are purged."""

    async def page(self, chain: str, *, after: int, limit: int) -> Sequence[Checkpoint]:
        """Checkpoints in the order of their numbers, `after` a number."""

    async def add(self, checkpoint: Checkpoint) -> bool:
        """Store the checkpoint; False when another process has stored the chain's checkpoint of this number."""

    async def unshipped(self, limit: int) -> Sequence[Checkpoint]:
        """Checkpoints that are not shipped yet; within a chain, lower numbers come first."""

    async def first_unshipped(self, chain: str) -> int | None:
        """The lowest number of the chain's checkpoints that are not shipped; None: all are."""

    async def mark_shipped(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Mark checkpoints as stored in the sink. Safe to repeat."""


class Purges(Protocol):
    """Deletes records whose retention has ended."""

    async def purge(self, purge: Purge, *, limit: int) -> int:
        """Store the purge, then delete up to `limit` of its records, oldest first; returns how many. 0: none are left.

        Safe to repeat and to interrupt at any moment. A purge never replaces a later one.
        """


async def read_chain(
    chains: Chains, checkpoints: Checkpoints, head: Head, *, start: Checkpoint | None = None
) -> AsyncIterator[Sequence[Link] | Checkpoint]:
    """The chain up to `head`, in the order in which the verifier reads it: pages of links, and single checkpoints.

    Checkpoints come before the records that they cover, up to some pages ahead. With `start`, only what follows that
    checkpoint, and what follows the purge when that goes further.
    """
    upto, newest = max(head.seq, head.last), 0 if head.checkpoint is None else head.checkpoint.number
    reached: int | None = None
    number, covered, ended = 0, 0, False
    if start is not None:
        number, covered = start.number, start.last
        reached = max(start.last, 0 if head.purge is None else head.purge.seq)
    while number < newest or not ended:
        if number < newest and (ended or (reached or 0) >= covered):
            page = await checkpoints.page(head.chain, after=number, limit=PAGE_SIZE)
            number, covered = (max(page[-1].number, number + len(page)), page[-1].last) if page else (newest, covered)
            for checkpoint in page:
                if checkpoint.number <= newest:  # later ones were made since
                    yield checkpoint
            continue
        bound = covered if number < newest else upto
        links = await chains.links(head.chain, after=reached, limit=PAGE_SIZE)
        ended = len(links) < PAGE_SIZE
        if not ended:  # two records may have the last seq: read it again with the next page
            links = [link for link in links if link.seq != links[-1].seq] or links
        found = [link for link in links if type(link.seq) is not int or link.seq <= bound]
        if found:
            yield found
        if len(found) < len(links):
            reached, ended = bound, bound >= upto
        elif links:
            reached = links[-1].seq
        ended = ended or not (reached is None or type(reached) is int)
