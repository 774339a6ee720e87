"""Disguised words: digits in place of letters, letters of another script, and invisible characters."""

import re
from collections.abc import Iterator, Sequence

_MAX_LEET_WORD = 30
_MIN_MIXED_WORD = 4
"""Fewest letters of a disguised word of two scripts; shorter words are units and model names."""

_HOMOGLYPHS = str.maketrans(
    "аеорсхуіјѕһԁԛԝкмтвнгпαεορτυνκιηχγɑɡɩ",
    "aeopcxyijshdqwkmtbhrnaeoptuvkinxyagi",
)
"""Cyrillic, Greek and phonetic letters that look Latin; without µ and Ω, which are units."""

_LEET_AS_I = str.maketrans("013457@$€!|", "oieastaseii")
_LEET_AS_L = str.maketrans("013457@$€!|", "oleastaseli")
_LEET_NEXT_TO_LETTER = re.compile(r"[013457@$€!|](?:(?=[a-zA-Z])|(?<=[a-zA-Z].))")
"""It begins with the rarer of the two, so that a text without digits and signs is passed over quickly."""
_EDGES = ".,;:!?\"'()[]{}<>*_~-"

_BETWEEN_WORDS = " "  # folded words have none

_LATIN = re.compile(r"[a-z]")
_LOOKALIKE = re.compile(r"[\u0370-\u03ff\u0400-\u052f\u0251\u0261\u0269]")
_HIDDEN = re.compile(r"[A-Za-z][\u200b-\u200f\u2060-\u2064\ufeff\u180e\u034f\u115f\u1160\u3164]+(?=[A-Za-z])")


def hidden_character_count(text: str) -> int:
    """How many times invisible characters separate two Latin letters. Other scripts may need them."""
    return 0 if text.isascii() else len(_HIDDEN.findall(text))


def latin_skeleton(word: str) -> str | None:
    """The Latin word that a folded word of mixed scripts looks like; None for a word in one script, or a short one."""
    return word.translate(_HOMOGLYPHS) if is_of_two_scripts(word) else None


def is_of_two_scripts(word: str) -> bool:
    """True for a folded word of at least four letters with Latin letters and ones that look Latin."""
    return len(word) >= _MIN_MIXED_WORD and _has_two_scripts(word)


def latin_readings(words: Sequence[str]) -> dict[int, str]:
    """The Latin words that folded words with foreign letters look like, by their positions.

    A word wholly in another script is read so only when every such letter of the text looks Latin: a text that is
    really Russian or Greek has others.
    """
    together = with_latin_letters(_BETWEEN_WORDS.join(words))
    if _LOOKALIKE.search(together):
        return {at: with_latin_letters(word) for at, word in enumerate(words) if _has_two_scripts(word)}
    pairs = enumerate(zip(words, together.split(_BETWEEN_WORDS), strict=bool(words)))
    return {at: read for at, (word, read) in pairs if read != word}


def with_latin_letters(folded: str) -> str:
    """The folded text with Latin letters in place of those that look Latin."""
    return folded.translate(_HOMOGLYPHS)


def _has_two_scripts(word: str) -> bool:
    return not word.isascii() and _LATIN.search(word) is not None and _LOOKALIKE.search(word) is not None


def may_have_leet(text: str) -> bool:
    """True when a digit or sign that can replace a letter is next to a letter."""
    return _LEET_NEXT_TO_LETTER.search(text) is not None


def leet_readings(word: str) -> tuple[str, ...]:
    """A lower-case word with its digits and signs read as letters: once with 1 as i, once with 1 as l."""
    return (word.translate(_LEET_AS_I), word.translate(_LEET_AS_L))


def leet_chunks_in(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each part between spaces, with its readings when it has digits or signs among its letters."""
    for chunk in text.split():
        word = chunk.strip(_EDGES).casefold()
        is_leet = len(word) <= _MAX_LEET_WORD and _LEET_NEXT_TO_LETTER.search(word) is not None
        yield chunk, leet_readings(word) if is_leet else ()
