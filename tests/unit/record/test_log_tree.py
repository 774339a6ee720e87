"""The cumulative log's tree: tiles and proofs against the words of RFC 9162, and against its published proofs."""

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.record.log_tree import (
    HASH,
    TILE_WIDTH,
    Node,
    Tile,
    consistency_path,
    grown_tiles,
    hash_of_tiles,
    inclusion_path,
    is_consistent,
    is_included,
    last_tiles,
    range_hash,
    tile_of,
    tiles_for,
    tree_path,
    width_at,
)
from libs.record.merkle import EMPTY, root_of
from tests.unit.record.test_merkle import LEAVES

sizes = st.integers(1, 70)


def leaf(number: int) -> bytes:
    return sha256(b"\x00" + number.to_bytes(8, "big")).digest()


def root_by_the_book(leaves: Sequence[bytes]) -> bytes:
    """RFC 9162, 2.1.1."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = max(1 << n for n in range(20) if 1 << n < len(leaves))
    return sha256(b"\x01" + root_by_the_book(leaves[:k]) + root_by_the_book(leaves[k:])).digest()


def path_by_the_book(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """RFC 9162, 2.1.3.1: PATH(m, D[n])."""
    if len(leaves) == 1:
        return []
    k = max(1 << n for n in range(20) if 1 << n < len(leaves))
    if index < k:
        return [*path_by_the_book(index, leaves[:k]), root_by_the_book(leaves[k:])]
    return [*path_by_the_book(index - k, leaves[k:]), root_by_the_book(leaves[:k])]


def proof_by_the_book(old: int, leaves: Sequence[bytes], *, whole: bool = True) -> list[bytes]:
    """RFC 9162, 2.1.4.1: SUBPROOF(m, D_n, b)."""
    if old == len(leaves):
        return [] if whole else [root_by_the_book(leaves)]
    k = max(1 << n for n in range(20) if 1 << n < len(leaves))
    if old <= k:
        return [*proof_by_the_book(old, leaves[:k], whole=whole), root_by_the_book(leaves[k:])]
    return [*proof_by_the_book(old - k, leaves[k:], whole=False), root_by_the_book(leaves[:k])]


class Kept:
    """Tiles that grow by batches, as a store keeps them."""

    def __init__(self) -> None:
        self.tiles: dict[Tile, bytes] = {}
        self.leaves: list[bytes] = []

    def add(self, leaves: Sequence[bytes]) -> None:
        last = {tile: self.tiles[tile] for tile in last_tiles(len(self.leaves))}
        self.tiles |= grown_tiles(len(self.leaves), leaves, last)
        self.leaves += leaves

    def hash_of(self, wanted: Node) -> bytes:
        return hash_of_tiles(self.tiles)(wanted)


def kept(*batches: int) -> Kept:
    found = Kept()
    for size in batches:
        found.add([leaf(len(found.leaves) + n) for n in range(size)])
    return found


@given(st.lists(st.integers(1, 40), min_size=1, max_size=5), st.data())
def test_proofs_from_tiles_are_those_by_the_book(batches: list[int], data: st.DataObject) -> None:
    made = kept(*batches)
    size = data.draw(st.integers(1, len(made.leaves)))
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    leaves = made.leaves[:size]

    assert range_hash(made.hash_of, 0, size) == root_by_the_book(leaves)
    assert inclusion_path(made.hash_of, index, size) == path_by_the_book(index, leaves)
    assert consistency_path(made.hash_of, old, size) == proof_by_the_book(old, leaves)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(1, 30_000), min_size=1, max_size=4), st.data())
def test_trees_of_several_levels_of_tiles_have_the_same_proofs(batches: list[int], data: st.DataObject) -> None:
    made = kept(*batches)
    size = len(made.leaves)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    root, earlier = root_of(made.leaves), root_of(made.leaves[:old])

    assert range_hash(made.hash_of, 0, size) == root
    path = inclusion_path(made.hash_of, index, size)
    assert is_included(made.leaves[index], path, index=index, size=size, root=root)
    proof = consistency_path(made.hash_of, old, size)
    assert is_consistent(proof, old=old, old_root=earlier, size=size, root=root)


@pytest.mark.parametrize(
    ("old", "size", "published"),
    [
        (1, 1, []),
        (
            *(1, 8),
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            *(6, 8),
            [
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (
            *(2, 5),
            [
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ],
)
def test_consistency_proofs_are_those_that_certificate_transparency_publishes(
    old: int, size: int, published: list[str]
) -> None:
    made = Kept()
    made.add(LEAVES)

    proof = consistency_path(made.hash_of, old, size)

    assert [step.hex() for step in proof] == published
    assert is_consistent(proof, old=old, old_root=root_of(LEAVES[:old]), size=size, root=root_of(LEAVES[:size]))


@given(sizes, st.data())
def test_no_other_root_or_proof_is_consistent(size: int, data: st.DataObject) -> None:
    made = kept(size)
    old = data.draw(st.integers(1, size))
    root, earlier = root_of(made.leaves), root_of(made.leaves[:old])
    proof = consistency_path(made.hash_of, old, size)
    other = leaf(10_000)

    def accepts(path: list[bytes], **changes: bytes | int) -> bool:
        asked = {"old": old, "old_root": earlier, "size": size, "root": root} | changes
        return is_consistent(path, **asked)  # type: ignore[arg-type]  # one dict of two types

    assert accepts(proof)
    assert not accepts(proof, root=other)
    assert not accepts(proof, old_root=other)
    assert not accepts([*proof, other])
    assert not proof or not accepts(proof[:-1])
    assert not proof or not accepts([other, *proof[1:]])
    assert not accepts(proof, old=0)


def test_every_tree_extends_the_empty_one() -> None:
    assert is_consistent([], old=0, old_root=EMPTY, size=3, root=leaf(1))
    assert not is_consistent([leaf(1)], old=0, old_root=EMPTY, size=3, root=leaf(1))
    assert not is_consistent([], old=4, old_root=leaf(1), size=3, root=leaf(1))


def test_tiles_have_the_widths_of_the_specification_s_example() -> None:
    made = kept(70_000)
    widths = {tile: len(hashes) // HASH for tile, hashes in made.tiles.items()}

    assert sum(1 for tile, width in widths.items() if tile.level == 0 and width == TILE_WIDTH) == 273
    assert widths[Tile(0, 273)] == 112
    assert widths[Tile(1, 0)] == 256
    assert widths[Tile(1, 1)] == 17
    assert widths[Tile(2, 0)] == 1
    assert set(widths) == {tile for tile in widths if width_at(tile.level, tile.number, 70_000) == widths[tile]}


def test_a_tile_number_is_a_path_of_three_digits_each() -> None:
    assert [tree_path(each) for each in (0, 999, 1_000, 1_234_067)] == ["000", "999", "x001/000", "x001/x234/067"]


def test_a_missing_or_shortened_tile_is_an_error() -> None:
    made = kept(600)
    made.tiles[Tile(0, 1)] = made.tiles[Tile(0, 1)][:-HASH]

    with pytest.raises(ValueError, match="missing"):
        inclusion_path(made.hash_of, 510, 600)
    with pytest.raises(ValueError, match="missing"):
        grown_tiles(600, [leaf(1)], {})


def test_the_tiles_that_a_proof_needs_are_few() -> None:
    wanted = tiles_for(lambda hash_of: inclusion_path(hash_of, 777_777, 1_000_003))

    assert len(wanted) <= 6
    assert tile_of(Node(8, 300)) == Tile(1, 1)
