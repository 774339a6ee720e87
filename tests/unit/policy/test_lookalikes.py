"""Words that look Latin: all words of a text are read together, and as each by itself would be."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.policy.domain.lookalikes import _LATIN, _LOOKALIKE, latin_readings, may_have_leet, with_latin_letters

WORDS = st.lists(st.text(st.sampled_from("abgеорсжшαωɡ日1"), min_size=1, max_size=6), max_size=8)


def has_two_scripts(word: str) -> bool:
    return _LATIN.search(word) is not None and _LOOKALIKE.search(word) is not None


@given(words=WORDS)
def test_each_word_with_foreign_letters_is_read_where_every_such_letter_looks_latin(words: list[str]) -> None:
    foreign = {at: with_latin_letters(word) for at, word in enumerate(words) if _LOOKALIKE.search(word)}
    is_really_foreign = any(_LOOKALIKE.search(read) for read in foreign.values())
    expected = {at: read for at, read in foreign.items() if not is_really_foreign or has_two_scripts(words[at])}

    assert latin_readings(words) == expected


@given(st.text(alphabet="a0Z$4 é|\n.", max_size=12))
def test_a_text_may_have_leet_where_a_letter_is_next_to_a_sign_for_one(text: str) -> None:
    pairs = [{one, other} for one, other in pairwise(text)]

    assert may_have_leet(text) is any(pair & set("0$4|") and pair & set("aZ") for pair in pairs)
