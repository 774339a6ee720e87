"""What folding takes away and what it leaves."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.policy.domain.folded_text import folded_text, letters_of, parts_in, words_in


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("Arrêtez-LES, s'il vous plaît!", ["arretez", "les", "s", "il", "vous", "plait"], id="accents go"),
        pytest.param("İPTAL ıslak", ["iptal", "islak"], id="a Turkish i is an i, dotted or not"),
        pytest.param("Straße STRASSE", ["strasse", "strasse"], id="a sharp s is two"),
        pytest.param("Ørsted Łódź Æsir", ["orsted", "lodz", "aesir"], id="letters with a stroke lose it"),
        pytest.param("إِيقَــافٌ", ["ايقاف"], id="Arabic loses harakat and tatweel"),
        pytest.param("أإآٱا", ["ااااا"], id="every alef is an alef"),
        pytest.param("على علي علی", ["علي"] * 3, id="every yeh is a yeh"),
        pytest.param("رساله رسالة", ["رساله"] * 2, id="teh marbuta is a heh"),
        pytest.param("बंद करें", ["बंद", "करें"], id="Hindi keeps its vowels"),
        pytest.param("स्टॉप", ["स्टॉप"], id="Hindi keeps its conjuncts"),
        pytest.param("ज़रूर क़लम", ["जरूर", "कलम"], id="Hindi loses the nukta"),
        pytest.param("st\u200bo\u00adp \ufeffnow", ["stop", "now"], id="hidden characters go"),
        pytest.param("ｆｕｌｌ 𝓯𝓪𝓷𝓬𝔂 ①", ["full", "fancy", "1"], id="fancy letters are plain"),
        pytest.param("٠١٢ ۳۴۵ ६७", ["012", "345", "67"], id="digits of every script are ASCII"),
        pytest.param("❤️👍🏽 hi", ["hi"], id="emoji are spaces"),
        pytest.param("a\ud800b", ["a", "b"], id="a lone surrogate is a space"),
        pytest.param("", [], id="nothing is nothing"),
    ],
)
def test_words_are_folded(text: str, words: list[str]) -> None:
    assert words_in(text) == words


def test_folding_any_character_twice_changes_nothing() -> None:
    unstable = [code for code in range(sys.maxunicode + 1) if folded_text(once := folded_text(chr(code))) != once]

    assert unstable == []


@given(text=st.text(st.characters()))
def test_folding_is_idempotent(text: str) -> None:
    assert folded_text(folded_text(text)) == folded_text(text)


@given(text=st.text(st.characters(max_codepoint=127)))
def test_the_short_cut_for_ascii_gives_the_same_words(text: str) -> None:
    assert words_in(text) == folded_text(text).split()


@given(text=st.text(st.one_of(st.characters(), st.sampled_from(" \t\n\x1c\x85\u2028\u3000.é"))))
def test_the_parts_are_the_words_of_each_piece_between_spaces(text: str) -> None:
    assert parts_in(text) == [words for piece in text.split() if (words := words_in(piece))]


def test_no_fold_of_a_sign_parts_words_as_a_space_does() -> None:
    parting = [code for code in range(sys.maxunicode + 1) if len(parts_in(f"é{chr(code)}b")) > 1]

    assert [code for code in parting if not chr(code).isspace()] == []


@given(text=st.text(st.characters()))
def test_case_never_matters(text: str) -> None:
    assert letters_of(text.upper()) == letters_of(text.lower()) == letters_of(text)
