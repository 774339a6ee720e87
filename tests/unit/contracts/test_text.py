"""Text from outside, made safe to store."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.text import without_controls


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain", "plain"),
        ("two\r\nlines\tand a tab", "two\r\nlines\tand a tab"),
        ("\x00nul\x1b[31m", "nul[31m"),
        ("next\x85line\x7f", "nextline"),
        ("\u202eمرحبا 👍🏽", "\u202eمرحبا 👍🏽"),
    ],
)
def test_only_control_characters_are_removed(text: str, safe: str) -> None:
    assert without_controls(text) == safe


@given(text=st.text())
def test_what_is_left_has_no_control_but_tabs_and_line_breaks(text: str) -> None:
    safe = without_controls(text)

    assert {char for char in safe if unicodedata.category(char) == "Cc"} <= {"\t", "\n", "\r"}
    assert without_controls(safe) == safe
