"""The Merkle tree of the cumulative log: tiles, inclusion and consistency proofs (RFC 9162, 2.1; C2SP tlog-tiles).

The rule: a hash that the tree needs is named by level and index, so that one of a few kept tiles has it. A tile holds
the 256 hashes of a level whose indexes begin at a multiple of 256; the levels of tiles are every eighth of the tree.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from libs.record.merkle import EMPTY, node, root_from, root_of

TILE_HEIGHT: Final = 8
TILE_WIDTH: Final = 1 << TILE_HEIGHT
HASH: Final = 32
"""Bytes of a hash."""


class Node(NamedTuple):
    """The root of the complete subtree over the leaves `place << level` to `(place + 1) << level`."""

    level: int
    place: int


class Tile(NamedTuple):
    """The hashes `number * 256` onwards of the tree's level `level * 8`."""

    level: int
    number: int


HashOf = Callable[[Node], bytes]


def nodes_of(start: int, end: int) -> list[Node]:
    """The complete subtrees, left to right, that the leaves from `start` to `end` (exclusive) consist of."""
    found = []
    while start < end:
        level = (start & -start).bit_length() - 1 if start else end.bit_length() - 1
        while start + (1 << level) > end:
            level -= 1
        found.append(Node(level, start >> level))
        start += 1 << level
    return found


def range_hash(hash_of: HashOf, start: int, end: int) -> bytes:
    """The root over the leaves `start` to `end`; the range must be one that RFC 9162 splits off."""
    hashes = [hash_of(each) for each in nodes_of(start, end)]
    if not hashes:
        return EMPTY
    found = hashes.pop()
    while hashes:
        found = node(hashes.pop(), found)
    return found


def inclusion_path(hash_of: HashOf, index: int, size: int) -> list[bytes]:
    """The audit path of a leaf in the tree of `size` leaves, from the leaf up (RFC 9162, 2.1.3.1)."""
    return [range_hash(hash_of, *each) for each in reversed(_siblings(index, size))]


def consistency_path(hash_of: HashOf, old: int, size: int) -> list[bytes]:
    """The proof that the tree of `size` leaves extends that of `old` leaves (RFC 9162, 2.1.4.1); empty for 0."""
    if old in {0, size}:
        return []
    ranges: list[tuple[int, int]] = []
    start, end, whole = 0, size, True
    while old - start != end - start:
        middle = start + _split(end - start)
        if old <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start, whole = middle, False
    last = [] if whole else [(start, end)]
    return [range_hash(hash_of, *each) for each in (*last, *reversed(ranges))]


def is_consistent(path: Sequence[bytes], *, old: int, old_root: bytes, size: int, root: bytes) -> bool:
    """Whether the proof shows that the tree `size`, `root` extends `old`, `old_root` (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= size:
        return False
    if old in {0, size}:
        return not path and (old_root == root if old == size else old_root == EMPTY)
    steps = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not steps:
        return False
    position, last = old - 1, size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    found_old = found = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            found_old, found = node(step, found_old), node(step, found)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            found = node(found, step)
        position, last = position >> 1, last >> 1
    return last == 0 and found_old == old_root and found == root


def is_included(leaf: bytes, path: Sequence[bytes], *, index: int, size: int, root: bytes) -> bool:
    """Whether the path shows that `leaf` is at `index` of the tree `size`, `root`."""
    return root_from(leaf, path, index=index, size=size) == root


def tile_of(wanted: Node) -> Tile:
    """The tile that a node's hash is computed from."""
    level = wanted.level // TILE_HEIGHT
    return Tile(level, (wanted.place << (wanted.level % TILE_HEIGHT)) // TILE_WIDTH)


def node_in(tile: bytes, wanted: Node) -> bytes:
    """The hash of a node from the hashes of its tile. Raises ValueError for a tile that lacks it."""
    width = 1 << (wanted.level % TILE_HEIGHT)
    begin = (wanted.place * width) % TILE_WIDTH
    hashes = hashes_in(tile[begin * HASH : (begin + width) * HASH])
    if len(hashes) != width:
        raise ValueError("a tile of the log is missing")
    return root_of(hashes)


def hashes_in(tile: bytes) -> list[bytes]:
    """The hashes of a tile."""
    return [tile[at : at + HASH] for at in range(0, len(tile), HASH)]


def tiles_for(compute: Callable[[HashOf], object]) -> set[Tile]:
    """The tiles whose hashes `compute` asks for."""
    wanted: set[Tile] = set()

    def note(each: Node) -> bytes:
        wanted.add(tile_of(each))
        return EMPTY

    compute(note)
    return wanted


def hash_of_tiles(tiles: Mapping[Tile, bytes]) -> HashOf:
    """Hashes from these tiles. What it returns raises ValueError for one that they lack."""
    return lambda each: node_in(tiles.get(tile_of(each), b""), each)


def grown_tiles(size: int, leaves: Sequence[bytes], tiles: Mapping[Tile, bytes]) -> dict[Tile, bytes]:
    """The tiles that change when leaves are added to a tree of `size`; `tiles` are its last one of each level.

    Raises ValueError for a last tile that is shorter than the tree.
    """
    changed: dict[Tile, bytes] = {}
    level, begin, new = 0, size, list(leaves)
    while new:
        number, width = divmod(begin, TILE_WIDTH)
        filled = tiles.get(Tile(level, number), b"")[: width * HASH]
        if len(filled) != width * HASH:
            raise ValueError("a tile of the log is missing")
        hashes = [*hashes_in(filled), *new]
        above = []
        for at in range(0, len(hashes), TILE_WIDTH):
            part = hashes[at : at + TILE_WIDTH]
            changed[Tile(level, number + at // TILE_WIDTH)] = b"".join(part)
            above += [root_of(part)] if len(part) == TILE_WIDTH else []
        level, begin, new = level + 1, number, above
    return changed


def last_tiles(size: int) -> list[Tile]:
    """The last, incomplete tile of each level of a tree of `size` leaves."""
    found = []
    level = 0
    while size:
        if size % TILE_WIDTH:
            found.append(Tile(level, size // TILE_WIDTH))
        level, size = level + 1, size // TILE_WIDTH
    return found


def _split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    return 1 << (size - 1).bit_length() - 1


def _siblings(index: int, size: int) -> list[tuple[int, int]]:
    """The ranges beside the path from the root to a leaf, from the root down."""
    found: list[tuple[int, int]] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((start, middle))
            start = middle
    return found


def tree_path(number: int) -> str:
    """A tile's number as a path: `1234067` is `x001/x234/067` (C2SP tlog-tiles)."""
    parts = [f"{number % 1000:03d}"]
    while number >= 1000:  # noqa: PLR2004 -- three digits in each part
        number //= 1000
        parts.insert(0, f"x{number % 1000:03d}")
    return "/".join(parts)


def width_at(level: int, number: int, size: int) -> int:
    """How many hashes a tile has in a tree of `size` leaves."""
    return max(0, min(TILE_WIDTH, (size >> (TILE_HEIGHT * level)) - number * TILE_WIDTH))
