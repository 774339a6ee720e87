"""Opt-out and opt-in words: what counts, what does not, and that spelling never decides."""

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.policy.domain.folded_text import letters_of
from services.policy.domain.keywords import Keywords, OptIn, OptOut, button_meaning, text_meaning
from tests.unit.policy.corpora import corpus, digest_of

KEYWORDS = Keywords.load()
CORPUS = corpus("keyword_corpus.toml")
DATA = corpus("../../../services/policy/domain/keywords.toml")
LANGUAGES = {"en", "ar", "es", "fr", "de", "pt", "it", "tr", "ur", "hi"}
RELEASED = {1: "08351f5acecd6366", 2: "08351f5acecd6366", 3: "5c3fded76dcfc3d3"}
"""What each version of the words says. A change of words needs a new version, and a line here."""

WORDS = st.sampled_from([word for kind in ("stop", "start") for words in DATA[kind].values() for word in words])
DECORATION = st.text(
    st.sampled_from(" \t\n.,;:!?¡¿'\"“”’()[]*_-–—…/\\\u200b\u200d\u200f\ufeff\ufe0f🛑👍🏽❤🙏"), max_size=4
)
ACCENT = st.text(
    st.sampled_from("\u0300\u0301\u0302\u0303\u0308\u030c\u0327\u0338\u064b\u064e\u0651\u0652\u0670"), max_size=3
)


def cases(kind: str) -> list[tuple[str, str]]:
    return [(language, text) for language, texts in CORPUS[kind].items() for text in texts]


@pytest.mark.parametrize(("language", "text"), cases("stop"))
def test_a_whole_message_that_asks_to_stop_is_an_opt_out(language: str, text: str) -> None:
    meaning = text_meaning(text, KEYWORDS)

    assert isinstance(meaning, OptOut)


@pytest.mark.parametrize(("language", "text"), cases("start"))
def test_a_whole_message_that_asks_to_start_is_an_opt_in(language: str, text: str) -> None:
    meaning = text_meaning(text, KEYWORDS)

    assert isinstance(meaning, OptIn)


@pytest.mark.parametrize(("language", "text"), cases("neither"))
def test_an_ordinary_message_means_neither(language: str, text: str) -> None:
    meaning = text_meaning(text, KEYWORDS)

    assert meaning is None


BUTTONS = KEYWORDS.on_buttons()


@pytest.mark.parametrize(
    ("pressed", "meaning"),
    [
        pytest.param(("STOP",), OptOut, id="stop is unmistakable"),
        pytest.param(("Stop promotions",), OptOut, id="so is WhatsApp's own opt-out button"),
        *(
            pytest.param((title,) * 2, OptOut, id=f"and in the template's language: {title}")
            for title in (
                *("Detener promociones", "Parar promoções", "Interrompi promozioni", "إيقاف العروض"),
                *("إيقاف العروض الترويجية", "Arrêter les promotions", "Werbung stoppen", "Promosyonları durdur"),
            )
        ),
        pytest.param(("Unsubscribe", "btn-7"), OptOut, id="a title with a payload that says nothing"),
        pytest.param(("Not interested", "OPT_OUT"), OptOut, id="a payload that says it"),
        pytest.param(("إلغاء الاشتراك",), OptOut, id="another language's"),
        pytest.param(("Subscribe", "STOP"), OptOut, id="an opt-out wins"),
        pytest.param(("Subscribe",), OptIn, id="an unmistakable opt-in"),
        pytest.param(("Cancel",), None, id="cancel answers the question above it"),
        pytest.param(("Cancel", "cancel"), None, id="so does its payload"),
        pytest.param(("End", "END"), None, id="end"),
        pytest.param(("Start",), None, id="start opens a menu"),
        pytest.param(("Abmelden",), None, id="who signs off from an appointment"),
        pytest.param(("Sair",), None, id="who leaves a menu"),
        pytest.param(("Confirm", "confirm-1"), None, id="any other button"),
        pytest.param((), None, id="no button at all"),
    ],
)
def test_a_button_counts_only_when_it_is_unmistakable(pressed: tuple[str, ...], meaning: type | None) -> None:
    found = button_meaning(pressed, BUTTONS)

    assert (None if found is None else type(found)) is meaning


def test_an_accounts_own_words_count_on_its_buttons() -> None:
    assert isinstance(button_meaning(("Cancel",), BUTTONS, extra_stop=("cancel",)), OptOut)


def test_what_is_unclear_on_a_button_is_a_word_that_counts_when_it_is_written() -> None:
    assert set(DATA["unclear_on_buttons"]) == LANGUAGES
    assert KEYWORDS.unclear_on_buttons <= KEYWORDS.stop.keys() | KEYWORDS.start.keys()


def test_every_language_has_words_and_sentences_of_each_kind() -> None:
    tables = [DATA["stop"], DATA["start"], CORPUS["stop"], CORPUS["start"], CORPUS["neither"]]

    assert all(set(table) == LANGUAGES for table in tables)


def test_no_two_words_have_the_same_letters() -> None:
    letters = [letters_of(word) for kind in ("stop", "start") for words in DATA[kind].values() for word in words]

    assert len(letters) == len(set(letters)) == len(KEYWORDS.stop) + len(KEYWORDS.start)
    assert all(len(word) > 1 for word in letters)


def test_the_words_change_only_with_their_version() -> None:
    words = {kind: DATA[kind] for kind in ("stop", "start")}

    assert RELEASED[KEYWORDS.version] == digest_of(words)


def test_the_answer_names_the_word_and_its_language() -> None:
    meaning = text_meaning("¡BAJA!", KEYWORDS)

    assert meaning == OptOut(word_id="es.stop.baja", language="es")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Cukup!", OptOut(word_id="account:cukup", language="und"), id="its own stop word stops"),
        pytest.param("cukup cukup", OptOut(word_id="account:cukup", language="und"), id="said twice it still stops"),
        pytest.param("Mulai", OptIn(word_id="account:mulai", language="und"), id="its own start word starts"),
        pytest.param("both", OptOut(word_id="account:both", language="und"), id="a word in both lists stops"),
        pytest.param("start", OptOut(word_id="account:start", language="und"), id="it may make start mean stop"),
        pytest.param("stop", OptOut(word_id="en.stop.stop", language="en"), id="it cannot make stop mean start"),
        pytest.param("🙂", None, id="a word without letters matches nothing"),
        pytest.param("cukup sekali", None, id="a sentence with its word is a sentence"),
    ],
)
def test_an_account_adds_words_of_its_own(text: str, expected: OptOut | OptIn | None) -> None:
    meaning = text_meaning(
        text, KEYWORDS, extra_stop=("CUKUP", "both", "start", "🙂", ""), extra_start=("mulai", "both", "stop", "!")
    )

    assert meaning == expected


@pytest.mark.parametrize(
    ("text", "own", "word_id"),
    [
        pytest.param("SТОР", (), "en.stop.stop", id="Latin and Cyrillic letters"),
        pytest.param("Ѕтор", (), "en.stop.stop", id="Cyrillic letters only"),
        pytest.param("стоп", ("Стоп",), "account:стоп", id="a Russian word that looks Latin is itself"),
        pytest.param("стоп стоп", ("Стоп",), "account:стоп", id="said twice too"),
    ],
)
def test_foreign_letters_that_look_latin_never_hide_an_opt_out(text: str, own: tuple[str, ...], word_id: str) -> None:
    meaning = text_meaning(text, KEYWORDS, extra_stop=own)

    assert isinstance(meaning, OptOut)
    assert meaning.word_id == word_id


@given(word=WORDS, before=DECORATION, between=DECORATION, after=DECORATION)
def test_punctuation_emoji_and_spaces_never_change_the_meaning(
    word: str, before: str, between: str, after: str
) -> None:
    decorated = before + between.join(_letters_with_their_signs(word)) + after

    assert text_meaning(decorated, KEYWORDS) == text_meaning(word, KEYWORDS) is not None


@given(word=WORDS, accent=ACCENT)
def test_accents_never_change_the_meaning(word: str, accent: str) -> None:
    accented = accent.join(_letters_with_their_signs(word)) + accent

    assert text_meaning(accented, KEYWORDS) == text_meaning(word, KEYWORDS)


@pytest.mark.parametrize("times", [2, 3, 4])
def test_saying_it_again_never_changes_the_meaning(times: int) -> None:
    words = [word for kind in ("stop", "start") for words in DATA[kind].values() for word in words]

    changed = [
        word for word in words if text_meaning(" ".join([word] * times), KEYWORDS) != text_meaning(word, KEYWORDS)
    ]

    assert changed == []


@given(text=WORDS | st.text())
def test_case_and_normal_form_never_change_the_meaning(text: str) -> None:
    forms = {text.upper(), text.lower(), text.swapcase(), text.title(), text.casefold()}
    forms |= {unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC", "NFKD")}

    meanings = {text_meaning(form, KEYWORDS) for form in forms}

    assert meanings == {text_meaning(text, KEYWORDS)}


@given(word=WORDS, more=st.text(st.characters(categories=["L"]), min_size=1, max_size=5).filter(letters_of))
@settings(max_examples=300)
def test_a_word_with_more_to_it_counts_only_if_that_is_a_word_too(word: str, more: str) -> None:
    meaning = text_meaning(f"{word} {more}", KEYWORDS)

    assert meaning is None or letters_of(word + more) in {*KEYWORDS.stop, *KEYWORDS.start} or _repeats(word + more)


@given(text=st.text(st.characters(), max_size=200), own=st.lists(st.text(st.characters(), max_size=5), max_size=3))
def test_no_text_and_no_word_of_an_account_raises(text: str, own: list[str]) -> None:
    meaning = text_meaning(text, KEYWORDS, extra_stop=own, extra_start=own)

    assert meaning is None or isinstance(meaning, OptOut | OptIn)


@pytest.mark.parametrize(
    "unit",
    [
        pytest.param("a", id="one letter"),
        pytest.param("stop", id="a keyword over and over"),
        pytest.param("\u0301\u0323", id="accents out of order"),
        pytest.param("\u0f73", id="signs that decompose into accents"),
        pytest.param("\ufdfa", id="letters that decompose into eighteen"),
        pytest.param("ab" * 50 + "c", id="almost a repetition"),
    ],
)
def test_a_hostile_message_takes_time_in_proportion_to_its_length(unit: str) -> None:
    short, long = (unit * 40_000)[:4_096], (unit * 40_000)[: 4_096 * 8]

    ratio = _fastest(long) / _fastest(short)

    assert ratio < 8 * 3  # proportion gives 8, a square 64


def _fastest(text: str) -> float:
    def once() -> float:
        begun = time.thread_time()
        text_meaning(text, KEYWORDS)
        return time.thread_time() - begun

    return min(once() for _ in range(5))


def _letters_with_their_signs(word: str) -> list[str]:
    """The word's letters, each with the signs that follow it, so that nothing is put between a letter and its vowel."""
    letters: list[str] = []
    for character in word:
        if letters and unicodedata.category(character).startswith("M"):
            letters[-1] += character
        else:
            letters.append(character)
    return letters


def _repeats(text: str) -> bool:
    letters = letters_of(text)
    return (letters + letters).find(letters, 1) < len(letters)
