"""`TileFolder`: the cumulative log as static files, in the layout of C2SP tlog-tiles, to be served as they are.

The rule: a file appears whole, and the checkpoint after all files that it needs. Only what is signed is written.
"""

import asyncio
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from libs.chassis.telemetry import logger
from libs.record.log_tree import HASH, TILE_WIDTH, Tile, tree_path, width_at
from libs.store.cumulative_log import LogBatch, LogBatches, LogCheckpoints, LogIndex
from libs.store.log_proofs import cosigned

log = logger(__name__)
CHECKPOINT: Final = "checkpoint"
_READABLE: Final = 0o644
_TRAVERSABLE: Final = 0o755


@dataclass(slots=True)
class TileFolder:
    """Writes what the folder lacks. Safe to repeat, and to run on several replicas."""

    folder: Path
    batches: LogBatches
    index: LogIndex
    checkpoints: LogCheckpoints
    _batch: LogBatch | None = field(default=None, init=False)
    """The batch that was read last: several bundles are made of one."""

    async def __call__(self) -> None:
        """Write tiles and entries up to the newest signed checkpoint, then the checkpoint with its cosignatures."""
        stored = await self.checkpoints.newest()
        if stored is None:
            return
        checkpoint = cosigned(stored)
        for number in range(await asyncio.to_thread(self._whole_bundles), -(-checkpoint.size // TILE_WIDTH)):
            await self._write_bundle(number, checkpoint.size)
        for level in range(8):
            if not await self._write_level(level, checkpoint.size):
                break
        await asyncio.to_thread(write_atomically, self.folder / CHECKPOINT, str(checkpoint.note).encode())

    def _whole_bundles(self) -> int:
        """How many whole bundles there are, from the first one on: the number of the first that may be missing."""
        low, high = 0, 1
        while self._entries(high - 1).exists():
            low, high = high, high * 2
        while low < high - 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._entries(middle - 1).exists() else (low, middle)
        return low

    def _entries(self, number: int) -> Path:
        return self.folder / "tile" / "entries" / tree_path(number)

    async def _write_bundle(self, number: int, size: int) -> None:
        width = width_at(0, number, size)
        first = number * TILE_WIDTH
        entries = await self._entries_from(first, first + width)
        bundle = b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)
        await asyncio.to_thread(_write_tile, self._entries(number), width, bundle)

    async def _entries_from(self, start: int, end: int) -> list[bytes]:
        found: list[bytes] = []
        while start < end:
            batch = await self._batch_with(start)
            found += _entries_of(batch, start, end)
            start = batch.end
        return found

    async def _batch_with(self, index: int) -> LogBatch:
        if self._batch is None or not self._batch.start <= index < self._batch.end:
            self._batch = await self.batches.ending(index + 1)
        if self._batch is None or self._batch.end <= index:
            raise ValueError("entries of the log are missing")
        return self._batch

    async def _write_level(self, level: int, size: int) -> bool:
        """Write the hash tiles of a level that are not there; False when the tree has no such level."""
        count = size >> (8 * level)
        for number in range(await asyncio.to_thread(self._whole_tiles, level, count), -(-count // TILE_WIDTH)):
            width = width_at(level, number, size)
            hashes = (await self.index.tiles([Tile(level, number)])).get(Tile(level, number), b"")[: width * HASH]
            if len(hashes) != width * HASH:
                raise ValueError("a tile of the log is missing")
            path = self.folder / "tile" / str(level) / tree_path(number)
            await asyncio.to_thread(_write_tile, path, width, hashes)
        return count > 0

    def _whole_tiles(self, level: int, count: int) -> int:
        number = count // TILE_WIDTH
        while number and not (self.folder / "tile" / str(level) / tree_path(number - 1)).exists():
            number -= 1
        return number


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that others may read, so that a reader sees all of it or none; the disk has it afterwards."""
    for folder in reversed([each for each in path.parents if not each.exists()]):
        folder.mkdir(exist_ok=True)
        folder.chmod(_TRAVERSABLE)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), _READABLE)
        os.fsync(file.fileno())
    beside.replace(path)


def _write_tile(path: Path, width: int, content: bytes) -> None:
    """Write a tile; a whole one takes the place of its incomplete forms (C2SP tlog-tiles, partial tiles)."""
    partial = path.with_name(path.name + ".p")
    write_atomically(path if width == TILE_WIDTH else partial / str(width), content)
    if width == TILE_WIDTH:
        shutil.rmtree(partial, ignore_errors=True)


def _entries_of(batch: LogBatch, start: int, end: int) -> list[bytes]:
    """The entries of a batch with indexes from `start` to `end`."""
    found: list[bytes] = []
    index = batch.start
    for part in batch.parts:
        if index + part.count > start and index < end:
            found += list(part.entries())[max(0, start - index) : end - index]
        index += part.count
    return found
