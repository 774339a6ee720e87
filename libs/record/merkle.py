"""Merkle trees (RFC 6962) over leaves that are hashes: the root, the audit path of a leaf, and the root from a path.

The rule: a tree grows leaf by leaf and keeps one hash for each of its complete subtrees, however large it is.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

EMPTY: Final = sha256(b"").digest()
"""The root of a tree without leaves."""
_LARGEST_SUBTREE: Final = 4096
"""Leaves that `Tree.extend` hashes level by level at once."""


def node(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node (RFC 6962, 2.1)."""
    return sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree to which leaves are added."""

    __slots__ = ("_subtrees", "size")

    def __init__(self, size: int = 0, subtrees: Sequence[bytes] = ()) -> None:
        self.size = size
        self._subtrees = list(subtrees)

    @property
    def subtrees(self) -> tuple[bytes, ...]:
        """The roots of the complete subtrees, the largest first: with `size`, all that adding leaves needs."""
        return tuple(self._subtrees)

    def add(self, leaf: bytes) -> None:
        """Add a leaf at the right end."""
        merged = self.size
        while merged & 1:
            leaf = sha256(b"\x01" + self._subtrees.pop() + leaf).digest()
            merged >>= 1
        self._subtrees.append(leaf)
        self.size += 1

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Add leaves at the right end: as `add` for each, in less time, since whole subtrees are hashed by level."""
        at = 0
        while at < len(leaves):
            aligned = self.size & -self.size or _LARGEST_SUBTREE
            width = min(aligned, _LARGEST_SUBTREE, 1 << (len(leaves) - at).bit_length() - 1)
            hashes: Sequence[bytes] = leaves[at : at + width]
            while len(hashes) > 1:
                pairs = zip(hashes[::2], hashes[1::2], strict=True)
                hashes = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
            self._append(hashes[0], width)
            at += width

    def _append(self, subtree: bytes, width: int) -> None:
        """Add the root of a complete subtree of `width` leaves; the size is a multiple of it."""
        merged = self.size // width
        while merged & 1:
            subtree = node(self._subtrees.pop(), subtree)
            merged >>= 1
        self._subtrees.append(subtree)
        self.size += width

    def root(self) -> bytes:
        """The root of the leaves so far."""
        if not self._subtrees:
            return EMPTY
        found = self._subtrees[-1]
        for subtree in reversed(self._subtrees[:-1]):
            found = node(subtree, found)
        return found


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over all leaves."""
    tree = Tree()
    tree.extend(leaves)
    return tree.root()


def path_of(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path of one leaf, from the leaf up (RFC 6962, 2.1.1)."""
    if len(leaves) <= 1:
        return []
    middle = 1 << (len(leaves) - 1).bit_length() - 1
    if index < middle:
        return [*path_of(leaves[:middle], index), root_of(leaves[middle:])]
    return [*path_of(leaves[middle:], index - middle), root_of(leaves[:middle])]


def root_from(leaf: bytes, path: Sequence[bytes], *, index: int, size: int) -> bytes | None:
    """The root that a leaf and its path lead to (RFC 9162, 2.1.3.2); None for an impossible path."""
    if not 0 <= index < size:
        return None
    position, last, found = index, size - 1, leaf
    for step in path:
        if last == 0:
            return None
        if position & 1 or position == last:
            found = node(step, found)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            found = node(found, step)
        position, last = position >> 1, last >> 1
    return found if last == 0 else None
