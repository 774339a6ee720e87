"""Merkle trees against the words of RFC 6962, and against its published values."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.record.merkle import Tree, path_of, root_from, root_of

INPUTS = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
LEAVES = [sha256(b"\x00" + each).digest() for each in INPUTS]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""What Certificate Transparency's own tests expect for the first one to eight of these inputs."""
leaves = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=70)


def root_by_the_book(hashes: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word for word."""
    if len(hashes) == 1:
        return hashes[0]
    k = max(1 << n for n in range(8) if 1 << n < len(hashes))
    return sha256(b"\x01" + root_by_the_book(hashes[:k]) + root_by_the_book(hashes[k:])).digest()


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_that_certificate_transparency_publishes(size: int) -> None:
    assert root_of(LEAVES[:size]).hex() == ROOTS[size - 1]


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert Tree().root() == sha256(b"").digest()


@given(leaves)
def test_a_tree_that_grows_has_the_root_by_the_book(hashes: list[bytes]) -> None:
    assert root_of(hashes) == root_by_the_book(hashes)


@given(leaves, st.data())
def test_every_leaf_has_a_path_to_the_root(hashes: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(hashes) - 1))

    assert root_from(hashes[index], path_of(hashes, index), index=index, size=len(hashes)) == root_of(hashes)


@given(leaves, st.data())
def test_no_other_leaf_place_size_or_path_leads_to_the_root(hashes: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(hashes) - 1))
    path, root, size = path_of(hashes, index), root_of(hashes), len(hashes)
    other = data.draw(st.binary(min_size=32, max_size=32).filter(lambda leaf: leaf not in hashes))
    elsewhere = data.draw(st.integers(-1, size + 1).filter(lambda n: n != index))

    assert root_from(other, path, index=index, size=size) != root
    assert root_from(hashes[index], [*path, other], index=index, size=size) != root
    assert not path or root_from(hashes[index], path[:-1], index=index, size=size) != root
    assert not path or root_from(hashes[index], [other, *path[1:]], index=index, size=size) != root
    if elsewhere not in range(size) or len(set(hashes)) == size:
        assert root_from(hashes[index], path, index=elsewhere, size=size) != root


@given(st.lists(st.integers(0, 40), max_size=12))
def test_leaves_that_are_added_together_make_the_tree_of_single_ones(runs: list[int]) -> None:
    together, single, at = Tree(), Tree(), 0
    for width in runs:
        leaves = [sha256(bytes([at + n >> 8, at + n & 255])).digest() for n in range(width)]
        together.extend(leaves)
        for leaf in leaves:
            single.add(leaf)
        at += width

        assert (together.size, together.subtrees, together.root()) == (single.size, single.subtrees, single.root())


def test_more_leaves_than_are_hashed_at_once_make_the_same_tree() -> None:
    leaves = [sha256(n.to_bytes(4)).digest() for n in range(9_001)]
    together, single = Tree(), Tree()

    together.extend(leaves[:3])
    together.extend(leaves[3:])

    for leaf in leaves:
        single.add(leaf)
    assert (together.size, together.subtrees) == (single.size, single.subtrees)
