"""Media in base64 is cut while a body is read, whatever the sizes of its chunks; texts are not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingress.domain.media import LONGEST, MediaCutter


def cut(body: bytes, size: int) -> bytes:
    cutter = MediaCutter()
    return b"".join(cutter.shortened(body[start : start + size]) for start in range(0, len(body), size))


MEDIA = json.dumps({"a": "A" * (3 * LONGEST), "b": "x" * LONGEST, "c": "_-+/" * LONGEST, "d": "="}).encode()
SHORT = json.dumps({"a": "A" * LONGEST, "b": "x" * LONGEST, "c": ("_-+/" * LONGEST)[:LONGEST], "d": "="}).encode()


@pytest.mark.parametrize("size", [10**7, 2 * LONGEST, LONGEST + 1, LONGEST, LONGEST - 1, 1000])
def test_every_long_run_is_cut_to_the_same_length(size: int) -> None:
    assert cut(MEDIA, size) == SHORT


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("A" * LONGEST, id="the longest text without a blank"),
        pytest.param("word " * 100_000, id="half a megabyte of words"),
        pytest.param("كلمة" * 60_000, id="another alphabet"),
    ],
)
def test_a_text_is_not_cut(text: str) -> None:
    body = json.dumps({"conversation": text}, ensure_ascii=False).encode()

    assert cut(body, 70_000) == body


PARTS = [b"A" * 40_000, b" ", b'"', b"A", b"A" * 70_000]


@given(st.lists(st.sampled_from(PARTS), max_size=8), st.integers(900, 99_000))
def test_the_sizes_of_the_chunks_do_not_matter(parts: list[bytes], size: int) -> None:
    body = b"".join(parts)

    assert cut(body, size) == cut(body, max(1, len(body)))
