"""`PhraseIndex`: finds phrases in a text with one look-up a word, so the time depends on the text's length only."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Self

from services.policy.domain.folded_text import words_in

MIN_JOINED_PHRASE = 8
"""Fewest letters of a phrase that is also recognised when written as one word, as in a hashtag."""

_MIN_DISGUISED = 3
"""Fewest letters of a disguised word; shorter words are codes and units."""

NUMBER = "#"
"""The placeholder for every number in a phrase."""

_MIN_SPELLING = 4
"""Fewest consecutive single letters that are read as one word: `f r e e`."""

_PREFIXES = ("وال", "بال", "فال", "كال", "ال", "لل", "و")
"""Arabic prefixes of nouns: articles, prepositions, `and`; longer ones first."""

_MIN_STEM = 3


@dataclass(frozen=True, slots=True)
class Phrase:
    """The words of a phrase in order, and its place: the numbers of its rule and group."""

    words: tuple[str, ...]
    place: tuple[int, int]


@dataclass(frozen=True, slots=True)
class PhraseIndex:
    """Phrases by their first word. `vocabulary` has every word and joined phrase that may be disguised."""

    by_first_word: Mapping[str, tuple[Phrase, ...]]
    vocabulary: frozenset[str]

    @classmethod
    def of(cls, phrases: Iterable[tuple[str, tuple[int, int]]], *, any_number: bool = False) -> Self:
        """Index phrases given as text and place; with `any_number`, a number in a phrase matches every number.

        A phrase without any letter matches nothing.
        """
        index: dict[str, list[Phrase]] = {}
        vocabulary: set[str] = set()
        for text, place in phrases:
            for words in _spellings_of(text, numbers=any_number):
                index.setdefault(words[0], []).append(Phrase(words, place))
                vocabulary.update(word for word in words if len(word) >= _MIN_DISGUISED)
        return cls({word: tuple(found) for word, found in index.items()}, frozenset(vocabulary))

    def found_in(self, words: Sequence[str]) -> Iterator[tuple[int, Phrase]]:
        """Every phrase in the words, with the position of its first word."""
        for at, word in enumerate(words):
            for phrase in self.by_first_word.get(word, ()):
                if len(phrase.words) == 1 or tuple(words[at : at + len(phrase.words)]) == phrase.words:
                    yield at, phrase


def stems_in(text: str) -> list[str]:
    """The folded words of the text without the Arabic prefixes."""
    return [_stem_of(word) for word in words_in(text)]


def with_number_placeholder(words: Iterable[str]) -> list[str]:
    """The words with NUMBER in place of every number, so that `50 off` and `70 off` are the same phrase."""
    return [NUMBER if word.isdecimal() else word for word in words]


def joined_spellings(words: list[str]) -> tuple[list[str], list[str]]:
    """The words with each run of at least four single letters as one word, and those joined words."""
    if sum(len(word) == 1 for word in words) < _MIN_SPELLING:
        return words, []
    joined: list[str] = []
    spelt: list[str] = []
    for is_letter, run in groupby(words, lambda word: len(word) == 1 and word.isalpha()):
        letters = list(run)
        if is_letter and len(letters) >= _MIN_SPELLING:
            spelt.append("".join(letters))
            letters = spelt[-1:]
        joined += letters
    return joined, spelt


def _stem_of(word: str) -> str:
    if word[0] not in "وبفكال":
        return word
    prefix = next((prefix for prefix in _PREFIXES if word.startswith(prefix)), "")
    return word[len(prefix) :] if len(word) - len(prefix) >= _MIN_STEM else word


def _spellings_of(text: str, *, numbers: bool) -> Iterator[tuple[str, ...]]:
    stems, _ = joined_spellings(stems_in(text))
    words = tuple(with_number_placeholder(stems) if numbers else stems)
    if words:
        yield words
    together = "".join(words)
    if len(words) > 1 and len(together) >= MIN_JOINED_PHRASE:
        yield (together,)
