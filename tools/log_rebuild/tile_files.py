"""`TileFiles`: reads the folder of `GATEWAY_LOG_TILES` (C2SP tlog-tiles), whatever is left of it.

The rule: nothing in the folder is believed. What it has counts when it leads to a signed root.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from libs.record.log_checkpoints import LogCheckpoint, log_checkpoint_from
from libs.record.log_tree import TILE_WIDTH, hashes_in, tree_path

_LENGTH = 2
"""Bytes of an entry's length."""


@dataclass(frozen=True, slots=True)
class TileFiles:
    """The files under a folder; those of no folder are none."""

    folder: Path | None

    def checkpoint(self) -> LogCheckpoint | None:
        """The folder's checkpoint; None when it has none that can be read."""
        if self.folder is not None:
            with suppress(OSError, ValueError):
                return log_checkpoint_from((self.folder / "checkpoint").read_text("utf-8"))
        return None

    def leaves(self, size: int) -> Iterator[tuple[int, bytes]]:
        """Index and hash of the leaves below `size`."""
        for first, content in self._tiles("0", size):
            yield from enumerate(hashes_in(content), first)

    def entries(self, size: int) -> Iterator[tuple[int, bytes]]:
        """Index and entry of the entries below `size`."""
        for first, content in self._tiles("entries", size):
            yield from enumerate(_entries_in(content), first)

    def _tiles(self, kind: str, size: int) -> Iterator[tuple[int, bytes]]:
        """First index and content of each tile that is there."""
        for number in range(0 if self.folder is None else -(-size // TILE_WIDTH)):
            content = self._content(kind, number)
            if content is not None:
                yield number * TILE_WIDTH, content

    def _content(self, kind: str, number: int) -> bytes | None:
        """The tile's file, or the widest of its incomplete forms."""
        path = (self.folder or Path()) / "tile" / kind / tree_path(number)
        partial = path.with_name(path.name + ".p")
        widths = [int(each.name) for each in partial.glob("*") if each.name.isdecimal()]
        for each in (path, *(partial / str(width) for width in sorted(widths, reverse=True))):
            with suppress(OSError):
                return each.read_bytes()
        return None


def _entries_in(bundle: bytes) -> Iterator[bytes]:
    at = 0
    while at + _LENGTH <= len(bundle):
        end = at + _LENGTH + int.from_bytes(bundle[at : at + _LENGTH], "big")
        yield bundle[at + _LENGTH : end]
        at = end
