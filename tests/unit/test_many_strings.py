"""A search for many strings at once finds what searches for each of them find."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.many_strings import BLOCK, strings_in


@pytest.mark.parametrize("length", [1, BLOCK, 2 * BLOCK - 2, 2 * BLOCK - 1, 3 * BLOCK])
def test_a_string_is_found_wherever_it_stands(length: int) -> None:
    string = bytes(range(65, 65 + length))

    for at in range(2 * BLOCK):
        assert strings_in(b" " * at + string, [string, b"x" * length]) == {string}
        assert strings_in(b" " * at + string + b" " * BLOCK, [string]) == {string}


@given(text=st.text("ab", max_size=200), strings=st.lists(st.text("ab", min_size=1, max_size=50)))
def test_what_is_found_is_what_the_text_holds(text: str, strings: list[str]) -> None:
    wanted = [each.encode() for each in strings]

    assert strings_in(text.encode(), wanted) == {each for each in wanted if each in text.encode()}
