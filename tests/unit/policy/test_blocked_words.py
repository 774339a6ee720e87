"""An account's blocked words: every way to write one is found, and innocent texts are left alone."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.policy.domain.blocked_words import BlockedWords
from services.policy.domain.content_score import BLOCKED_WORD, score
from services.policy.domain.folded_text import parts_in
from tests.unit.policy.content import content_policy
from tests.unit.policy.corpora import corpus
from tests.unit.policy.test_automaton import CountedEdges

POLICY = content_policy()
INNOCENT = corpus("innocent_texts.toml")
TEXTS = [text for texts in INNOCENT["texts"].values() for text in texts]
OWN_WORDS = (
    "casino",
    "betting",
    "lottery",
    "jackpot",
    "poker",
    "bet",
    "loan",
    "free money",
    "casinos*",
    "crypto*",
)


def is_blocked(text: str, *words: str) -> bool:
    return BLOCKED_WORD in score(text, POLICY, words).matched


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("our casino today", id="as it is"),
        pytest.param("our CASINO today", id="in capitals"),
        pytest.param("our ca.si.no today", id="with dots"),
        pytest.param("our ca-si-no, today", id="with hyphens"),
        pytest.param("our c_a_s_i_n_o today", id="with low lines"),
        pytest.param("our c*a*s*i*n*o today", id="with stars"),
        pytest.param("our ca🎰sino today", id="with an emoji inside"),
        pytest.param("our ca sino today", id="in two pieces"),
        pytest.param("our cas\nino today", id="over two lines"),
        pytest.param("our c a s i n o today", id="spelt out"),
        pytest.param("our c  a. s - i n o today", id="spelt out with signs"),
        pytest.param("our cаsino today", id="with a Cyrillic a"),
        pytest.param("our саsіnо today", id="with four Cyrillic letters"),
        pytest.param("our саѕіпо today", id="wholly in Cyrillic letters"),
        pytest.param("our c\u200bas\u00adino today", id="with hidden characters"),
        pytest.param("our cásíñö today", id="with accents"),
        pytest.param("our ｃａｓｉｎｏ today", id="in full width"),
        pytest.param("our 𝓬𝓪𝓼𝓲𝓷𝓸 today", id="in fancy letters"),
        pytest.param("our c4s1n0 today", id="with digits for letters"),
        pytest.param("(casino)", id="in brackets"),
        pytest.param("casino", id="alone"),
        pytest.param("online-casino", id="as a part of a compound"),
    ],
)
def test_a_blocked_word_is_found_however_it_is_written(text: str) -> None:
    assert is_blocked(text, "casino")


@pytest.mark.parametrize(
    ("word", "text", "blocked"),
    [
        pytest.param("casino", "two casinos", False, id="a longer word is another word"),
        pytest.param("casino*", "two casinos", True, id="unless the account asks for it"),
        pytest.param("casino*", "the casino", True, id="the word itself included"),
        pytest.param("casino*", "the CA.SI.NOS", True, id="and disguised ones"),
        pytest.param("casino*", "c4s1n0s", True, id="and those with digits"),
        pytest.param("casino*", "the subcasino", False, id="but never in the middle of a word"),
        pytest.param("bet*", "much better", False, id="too short a beginning is the word alone"),
        pytest.param("bet*", "your bet", True, id="and still the word"),
        pytest.param("free spin*", "free spinning", True, id="a phrase with any ending"),
        pytest.param("art", "a party of three", False, id="not inside a word"),
        pytest.param("art", "a r t", True, id="three single letters"),
        pytest.param("ab", "a b", False, id="two single letters are initials"),
        pytest.param("bet", "to be there", False, id="a short word is not made of pieces"),
        pytest.param("bet", "be t", False, id="not even of two"),
        pytest.param("poker", "po ker", False, id="five letters with a space"),
        pytest.param("poker", "po.ker", True, id="four letters and more with a sign"),
        pytest.param("poker", "spo.ker", False, id="from the beginning of a word"),
        pytest.param("poker", "po.kerr", False, id="to the end of a word"),
        pytest.param("777", "7 7 7", False, id="digits are not joined"),
        pytest.param("123456", "12 34 56", False, id="as in a phone number"),
        pytest.param("go on", "we go on", True, id="a short phrase as it is"),
        pytest.param("go on", "the goon", False, id="but not as one word"),
        pytest.param("secret sauce", "#secretsauce", True, id="a long phrase as one word"),
        pytest.param("secret sauce", "se.cret sau.ce", True, id="a phrase with signs inside"),
        pytest.param("secret sauce", "sauce secret", False, id="in its order only"),
        pytest.param("bet", "bеt now", True, id="a short word with a Cyrillic letter"),
        pytest.param("стоп", "стоп", True, id="a Russian word all of whose letters look Latin"),
        pytest.param("стоп", "Скажите стоп, если захотите", True, id="in a Russian text"),
        pytest.param("тот кот", "тот кот", True, id="a short Russian phrase"),
        pytest.param("tot", "Это тот самый дом", False, id="a Russian word in a Russian text"),
        pytest.param("vota", "νότα και μουσική", False, id="a Greek word in a Greek text"),
        pytest.param("赌博", "欢迎参加赌博游戏", True, id="inside a text without spaces"),
        pytest.param("赌博", "赌 博", True, id="with a space inside"),
        pytest.param("जुआ", "यह जुआ है", True, id="a Hindi word with vowel signs"),
        pytest.param("كلمة", "هذه الكلمة ممنوعة", True, id="with an Arabic article"),
        pytest.param("قمار", "ق م ا ر", True, id="Arabic letters apart"),
        pytest.param("ß" * 64, "ss" * 64, True, id="the longest word there is"),
        pytest.param("ﷺ" * 64, "ﷺ" * 64, True, id="and a longer one as it is"),
        pytest.param("*", "a * b", False, id="a star alone"),
        pytest.param("", "anything", False, id="nothing"),
    ],
)
def test_a_match_begins_and_ends_where_words_do(word: str, text: str, *, blocked: bool) -> None:
    assert is_blocked(text, word) == blocked


@pytest.mark.parametrize("text", TEXTS)
def test_an_innocent_text_of_any_language_has_no_blocked_word(text: str) -> None:
    assert not is_blocked(text, *OWN_WORDS)


def test_the_innocent_texts_speak_ten_languages() -> None:
    assert set(INNOCENT["texts"]) == {"en", "ar", "es", "fr", "de", "pt", "it", "tr", "ur", "hi"}
    assert all(len(texts) >= 8 for texts in INNOCENT["texts"].values())


WORD = st.sampled_from(sorted({word for text in TEXTS for part in parts_in(text) for word in part}))


@given(text=st.sampled_from(TEXTS), word=WORD, more=st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), min_size=1))
def test_a_word_is_found_exactly_where_the_text_has_it(text: str, word: str, more: str) -> None:
    words = {each for part in parts_in(text) for each in part}
    short = word[:5] if word.isascii() else word

    assert (short in words) <= is_blocked(text, short)
    assert not is_blocked(text, f"{short}{more}zz") or f"{short}{more}zz" in "".join(map("".join, parts_in(text)))


@given(
    word=st.text(st.sampled_from("bcdfghjklmnpqrstvwxz"), min_size=6, max_size=12),
    data=st.data(),
)
def test_no_separator_hides_a_word_of_six_letters(word: str, data: st.DataObject) -> None:
    separators = data.draw(
        st.lists(st.sampled_from(["", " ", ".", "-", "_", "\u200b", " . "]), min_size=12, max_size=12)
    )
    disguised = "".join(letter + sign for letter, sign in zip(word, separators, strict=False))

    assert is_blocked(f"so {disguised} today", word)


HOSTILE: dict[str, Sequence[str]] = {
    "a common first word": [f"offer {number}" for number in range(500)],
    "one first letter": ["a" * length for length in range(1, 65)],
    "beginnings": ["a" * length + "*" for length in range(1, 65)],
    "overlapping": [("ab" * length)[: length + 1] for length in range(63)] + [("ba" * n)[: n + 1] for n in range(63)],
    "phrases of single letters": [" ".join("a" * length) + " b" for length in range(1, 30)],
}
TEXT_UNITS = ("offer ", "a", "a ", "a.", "ab ", "ba.", "aé ", "offer 1a ", "а", "a b c d ")


@pytest.mark.parametrize("words", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("unit", TEXT_UNITS)
def test_the_search_takes_at_most_three_steps_a_character(words: Sequence[str], unit: str) -> None:
    blocked = BlockedWords.of(words)
    letters, phrases = CountedEdges(blocked.letters.edges), CountedEdges(blocked.phrases.automaton.edges)
    counted = replace(
        blocked,
        letters=replace(blocked.letters, edges=letters),
        phrases=replace(blocked.phrases, automaton=replace(blocked.phrases.automaton, edges=phrases)),
    )
    text = (unit * 4096)[:4096]

    counted.occur_in(parts_in(text))

    assert letters.looked_up <= 2 * len(text)
    assert phrases.looked_up <= 2 * len(text)
    assert letters.looked_up + phrases.looked_up <= 3 * len(text)
