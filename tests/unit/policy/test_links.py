"""Which parts of a text are links. What they add to the score is in test_content_score.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.policy.domain.links import _CHUNK, _links_of, _narrow_text, links_in
from tests.unit.policy.content import content_policy

LISTS = content_policy().links
PIECES = st.sampled_from(
    [".", "。", ":", "//", "http", "www", "com", "a", "B", "é", "-", "_", "@", "/", " ", "\n", "!"]
)


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("Your order is on its way. Thanks.", []),
        ("Wait... at 10.30 p.m. then", []),
        ("See https://Example.com/a and www.example.org.", ["example.com", "www.example.org"]),
        ("example。com", ["example.com"]),
        ("http://localhost", ["localhost"]),
        ("bit.ly/x", ["bit.ly"]),
    ],
)
def test_hosts_are_found_where_a_reader_sees_a_link(text: str, hosts: list[str]) -> None:
    assert [link.host for link in links_in(text, LISTS)] == hosts


@given(st.lists(PIECES, max_size=12).map("".join))
def test_a_text_without_any_sign_of_a_link_is_not_read_part_by_part_and_loses_none(text: str) -> None:
    chunks = _CHUNK.findall(_narrow_text(text))

    found = tuple(link for chunk in chunks for link in _links_of(chunk, LISTS))

    assert links_in(text, LISTS) == found
