"""Proofs from the stored tiles of the cumulative log: that an entry is in it, and that it only grew."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from libs.record.log_checkpoints import LogCheckpoint, log_checkpoint_from
from libs.record.log_entries import Span, leaf_hash
from libs.record.log_tree import (
    HashOf,
    consistency_path,
    hash_of_tiles,
    inclusion_path,
    is_included,
    range_hash,
    tiles_for,
)
from libs.record.signed_notes import signatures_from
from libs.store.cumulative_log import LogCheckpoints, LogIndex, LogPlaces, StoredLogCheckpoint


class NoProof(Exception):  # noqa: N818 -- reads as what happened
    """The log does not have it, or not yet; the text says which."""


@dataclass(frozen=True, slots=True)
class LogProofs:
    """Makes proofs for the newest checkpoint."""

    index: LogIndex
    places: LogPlaces
    checkpoints: LogCheckpoints

    async def newest(self) -> tuple[LogCheckpoint, StoredLogCheckpoint]:
        """The newest checkpoint with its cosignatures. Raises NoProof before the first one."""
        stored = await self.checkpoints.newest()
        if stored is None:
            raise NoProof("the log has no checkpoint yet")
        return cosigned(stored), stored

    async def inclusion(self, chain: str, seq: int, hash_: bytes) -> dict[str, Any]:
        """The proof that a record is in the log, as JSON. Raises NoProof."""
        place = await self.places.find(chain, seq)
        checkpoint, stored = await self.newest()
        index = 0 if place is None else place.index + seq - place.first
        if place is None or index >= checkpoint.size:
            raise NoProof("the record is not in a checkpoint of the log yet")
        entry = next(Span(chain, seq, hash_).entries())
        path = await self._path(lambda hash_of: inclusion_path(hash_of, index, checkpoint.size))
        leaf = leaf_hash(entry)
        if not is_included(leaf, path, index=index, size=checkpoint.size, root=checkpoint.root):
            raise NoProof("the log has another record at its place: verify the record")
        steps = [step.hex() for step in path]
        return {"index": index, "entry": entry.decode(), "path": steps, "checkpoint": str(checkpoint.note)} | (
            {} if stored.timestamp is None else {"timestamp": stored.timestamp.hex()}
        )

    async def consistency(self, old: int, size: int) -> list[bytes]:
        """The proof from one size to a larger one. Raises NoProof for sizes that the tiles do not have."""
        if not 0 <= old <= size <= await self.index.derived():
            raise NoProof("the log does not have these sizes")
        return await self._path(lambda hash_of: consistency_path(hash_of, old, size))

    async def root(self, size: int) -> bytes:
        """The root at a size. Raises NoProof when the tiles do not have it."""
        return (await self._path(lambda hash_of: [range_hash(hash_of, 0, size)]))[0]

    async def _path(self, compute: Callable[[HashOf], list[bytes]]) -> list[bytes]:
        """Read the tiles that a computation needs, then compute."""
        try:
            return compute(hash_of_tiles(await self.index.tiles(tiles_for(compute))))
        except ValueError:
            raise NoProof("a tile of the log is missing: verify the record") from None


def cosigned(stored: StoredLogCheckpoint) -> LogCheckpoint:
    """A stored checkpoint with its cosignatures. Raises ValueError for one that cannot be read."""
    checkpoint = log_checkpoint_from(stored.note)
    added = [each for line in stored.cosignatures.values() for each in signatures_from(line)]
    return LogCheckpoint(checkpoint.origin, checkpoint.size, checkpoint.root, checkpoint.note.with_signatures(added))
