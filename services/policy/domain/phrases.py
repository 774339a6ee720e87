"""Which of many phrases stand in a text's words: one look-up a word, so time grows with the text alone."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Self

from services.policy.domain.folding import words_in

SHORTEST_RUN_TOGETHER = 8
"""Letters from which a phrase of several words is also known when written as one, as in a hashtag."""

_SHORTEST_DISGUISED = 3
"""Letters from which a disguised word is recognised; shorter ones are codes and units."""

NUMBER = "#"
"""What every number is to a phrase."""

_SHORTEST_SPELLING = 4
"""Single letters in a row from which they are read as one word: `f r e e`."""

_PREFIXES = ("وال", "بال", "فال", "كال", "ال", "لل", "و")
"""What Arabic writes in front of a noun as part of it: articles, prepositions, `and`; longer ones first."""

_SHORTEST_STEM = 3


@dataclass(frozen=True, slots=True)
class Phrase:
    """The words of a phrase in order, and the place it belongs to: rule and group."""

    words: tuple[str, ...]
    place: tuple[int, int]


@dataclass(frozen=True, slots=True)
class PhraseIndex:
    """Phrases by their first word. `vocabulary` has every word and run-together phrase that a disguise may hide."""

    by_first_word: Mapping[str, tuple[Phrase, ...]]
    vocabulary: frozenset[str]

    @classmethod
    def of(cls, phrases: Iterable[tuple[str, tuple[int, int]]], *, any_number: bool = False) -> Self:
        """Index phrases given as text and place; with `any_number`, a number in one stands for all (`numbers_masked`).

        A phrase without any letter matches nothing.
        """
        index: dict[str, list[Phrase]] = {}
        vocabulary: set[str] = set()
        for text, place in phrases:
            for words in _spellings_of(text, numbers=any_number):
                index.setdefault(words[0], []).append(Phrase(words, place))
                vocabulary.update(word for word in words if len(word) >= _SHORTEST_DISGUISED)
        return cls({word: tuple(found) for word, found in index.items()}, frozenset(vocabulary))

    def found_in(self, words: Sequence[str]) -> Iterator[tuple[int, Phrase]]:
        """Every phrase that stands in the words, with the position of its first word."""
        for at, word in enumerate(words):
            for phrase in self.by_first_word.get(word, ()):
                if len(phrase.words) == 1 or tuple(words[at : at + len(phrase.words)]) == phrase.words:
                    yield at, phrase


def stems_in(text: str) -> list[str]:
    """The folded words of the text without Arabic articles and the `and` that is written as part of a word."""
    return [_stem_of(word) for word in words_in(text)]


def numbers_masked(words: Iterable[str]) -> list[str]:
    """The words with one sign for every number, so that `50 off` and `70 off` are the same phrase."""
    return [NUMBER if word.isdecimal() else word for word in words]


def spelt_together(words: list[str]) -> tuple[list[str], list[str]]:
    """The words with each run of at least four single letters made one word, and the words made so."""
    if sum(len(word) == 1 for word in words) < _SHORTEST_SPELLING:
        return words, []
    joined: list[str] = []
    spelt: list[str] = []
    for is_letter, run in groupby(words, lambda word: len(word) == 1 and word.isalpha()):
        letters = list(run)
        if is_letter and len(letters) >= _SHORTEST_SPELLING:
            spelt.append("".join(letters))
            letters = spelt[-1:]
        joined += letters
    return joined, spelt


def _stem_of(word: str) -> str:
    if word[0] not in "وبفكال":
        return word
    prefix = next((prefix for prefix in _PREFIXES if word.startswith(prefix)), "")
    return word[len(prefix) :] if len(word) - len(prefix) >= _SHORTEST_STEM else word


def _spellings_of(text: str, *, numbers: bool) -> Iterator[tuple[str, ...]]:
    stems, _ = spelt_together(stems_in(text))
    words = tuple(numbers_masked(stems) if numbers else stems)
    if words:
        yield words
    together = "".join(words)
    if len(words) > 1 and len(together) >= SHORTEST_RUN_TOGETHER:
        yield (together,)
