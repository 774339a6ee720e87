"""A file in base64 is decoded piece by piece, however the pieces fall, and never held as a whole."""

import base64
import itertools
import tracemalloc
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.providers.evolution.media import decoded
from libs.providers.media import MediaBroken

MEGABYTE = 1024 * 1024


async def pieces_of(text: bytes, cuts: Sequence[int]) -> AsyncIterator[bytes]:
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    for start, end in itertools.pairwise(places):
        yield text[start:end]


@given(content=st.binary(max_size=300), cuts=st.lists(st.integers(0, 500), max_size=8), escaped=st.booleans())
async def test_a_file_is_the_same_however_it_is_cut(content: bytes, cuts: list[int], *, escaped: bool) -> None:
    text = base64.b64encode(content) + b'","buffer":null}'
    text = text.replace(b"/", b"\\/") if escaped else text

    found = [piece async for piece in decoded(b"", pieces_of(text, cuts), max_bytes=300)]

    assert b"".join(found) == content


@pytest.mark.parametrize(
    ("text", "why"),
    [(b"AAAA", "too_short"), (b'A%==AA"', "unreadable"), (b'AAA"', "unreadable"), (b"A" * 999, "too_long")],
)
async def test_what_is_no_whole_file_is_broken(text: bytes, why: str) -> None:
    with pytest.raises(MediaBroken, match=why):
        [piece async for piece in decoded(b"", pieces_of(text, [7, 50, 99]), max_bytes=60)]


async def test_a_large_file_takes_the_memory_of_a_piece() -> None:
    async def arriving() -> AsyncIterator[bytes]:
        for _ in range(128):
            yield b"A" * 65536
        yield b'"'

    received = 0
    tracemalloc.start()
    try:
        async for piece in decoded(b"", arriving(), max_bytes=8 * MEGABYTE):
            received += len(piece)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert received == 6 * MEGABYTE
    assert peak < MEGABYTE
