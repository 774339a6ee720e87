"""The cumulative log of a deployment: batches of entries, what is derived from them, and signed checkpoints.

The rule: only batches decide what the log holds. A batch is one write, stored under the index of its first entry, which
is used once: so two processes cannot fork the log. Tiles and places are derived from batches, and may be made again.
"""

import base64
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, Self

import orjson

from libs.record.log_entries import Part, leaves_of, parts_as_json, parts_from_json
from libs.record.log_tree import Tile
from libs.record.merkle import Tree

MOST_LEAVES: Final = 4096
"""Entries in one batch; about 200 KB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogBatch:
    """Entries `start` to `end` (exclusive), and the tree after them."""

    start: int
    parts: tuple[Part, ...]
    subtrees: tuple[bytes, ...]
    """The roots of the complete subtrees of the tree of `end` entries."""
    at: int
    """When it was made, in microseconds since 1970; never earlier than the batch before."""

    @property
    def end(self) -> int:
        """The size of the log after it."""
        return self.start + sum(part.count for part in self.parts)

    def tree(self) -> Tree:
        """The tree after it, as the store says."""
        return Tree(self.end, self.subtrees)

    @classmethod
    def after(cls, before: "LogBatch | None", parts: Sequence[Part], *, at: int) -> Self:
        """The batch that follows `before`."""
        tree = Tree() if before is None else before.tree()
        start = tree.size
        tree.extend(leaves_of(parts))
        latest = at if before is None else max(at, before.at)
        return cls(start=start, parts=tuple(parts), subtrees=tree.subtrees, at=latest)

    def text(self) -> str:
        """Its stored form: JSON, without the index."""
        subtrees = [base64.b64encode(each).decode() for each in self.subtrees]
        return orjson.dumps({"at": self.at, "parts": parts_as_json(self.parts), "subtrees": subtrees}).decode()

    @classmethod
    def from_text(cls, start: int, text: object) -> Self:
        """The reverse of `text`. Raises ValueError for anything else: somebody else wrote it."""
        try:
            body = orjson.loads(str(text))
            subtrees = tuple(base64.b64decode(each, validate=True) for each in body["subtrees"])
            return cls(start=start, parts=parts_from_json(body["parts"]), subtrees=subtrees, at=int(body["at"]))
        except (KeyError, TypeError) as error:
            raise ValueError("not a batch of the log") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPlace:
    """How far the log holds a chain, or where one run of its records is."""

    chain: str
    index: int
    """Of the run's first entry, or of the statement that moved the chain."""
    first: int
    """The `seq` of the run's first record."""
    last: int
    """The `seq` of its last one; `first` - 1 for a statement."""
    hash: bytes
    """The hash of the record `last`."""
    statement: str | None = None
    """The hash of the statement that moved the chain, in hexadecimal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """What follows from the batches up to `size`: tiles that grew, and places that are new."""

    size: int
    tiles: Mapping[Tile, bytes]
    places: Sequence[LogPlace]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLogCheckpoint:
    """A signed checkpoint with what others attested to it."""

    size: int
    note: str
    """The signed note."""
    at: int
    """Microseconds since 1970."""
    cosignatures: Mapping[str, str]
    """Signature lines by the name of the witness."""
    timestamp: bytes | None
    """The answer of a time stamping authority (RFC 3161)."""


class LogBatches(Protocol):
    """The entries of the log."""

    async def add(self, batch: LogBatch) -> bool:
        """Store the batch, durable when it returns; False when another one begins at the same index."""

    async def ending(self, size: int | None = None) -> LogBatch | None:
        """The newest batch that begins before `size`, or the newest one. Raises ValueError for an unreadable one."""

    async def page(self, start: int, *, limit: int) -> Sequence[LogBatch]:
        """Batches that begin at `start` or later, in order. Raises ValueError for an unreadable one."""


class LogRepair(Protocol):
    """Puts rebuilt batches in the place of damaged ones; no round of the log may run meanwhile."""

    async def starts(self) -> Sequence[int]:
        """The indexes of all stored batches, readable or not, in order."""

    async def replace(self, batches: Sequence[LogBatch]) -> None:
        """Make these the log's batches, and forget what was derived: the next round derives it again.

        Safe to repeat after a crash, which may leave some of both and never less than can be rebuilt again.
        """


class LogIndex(Protocol):
    """What is derived from the batches."""

    async def derive(self, derived: Derived) -> None:
        """Store it, and then that it is derived up to its size. Safe to repeat, to interrupt, and to do late."""

    async def derived(self) -> int:
        """The size up to which everything is derived."""

    async def tiles(self, wanted: Collection[Tile]) -> Mapping[Tile, bytes]:
        """The hashes of those of these tiles that are stored."""


class LogPlaces(Protocol):
    """Where the log holds the chains."""

    async def ends(self) -> Mapping[str, LogPlace]:
        """The newest place of each chain that the log holds."""

    async def find(self, chain: str, seq: int) -> LogPlace | None:
        """The newest place that holds this record; None when the log does not have it."""

    async def has_statement(self, digest: str) -> bool:
        """Whether the log has the statement with this hash (hexadecimal)."""


class LogCheckpoints(Protocol):
    """Signed checkpoints of the log, one for each size."""

    async def add(self, size: int, note: str, *, at: int) -> bool:
        """Store a signed checkpoint; False when there is one of this size."""

    async def newest(self, *, cosigned: bool = False) -> StoredLogCheckpoint | None:
        """The one of the greatest size; the greatest that a witness cosigned, if `cosigned`."""

    async def page(self, after: int, *, limit: int) -> Sequence[StoredLogCheckpoint]:
        """Checkpoints in the order of their sizes, greater than `after`."""

    async def attest(
        self, size: int, *, cosignatures: Mapping[str, str] | None = None, timestamp: bytes | None = None
    ) -> None:
        """Add cosignatures and a timestamp; those of the same witness are replaced."""

    async def unshipped(self, limit: int) -> Sequence[StoredLogCheckpoint]:
        """Those that are not marked as shipped, in the order of their sizes."""

    async def mark_shipped(self, sizes: Sequence[int]) -> None:
        """Mark them as stored in the sink. Safe to repeat."""
