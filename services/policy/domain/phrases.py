"""`PhraseIndex`: finds phrases in a text in one pass over its words, so the time depends on the text's length only."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Self

from services.policy.domain.automaton import Automaton
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
    """Phrases by their words. `vocabulary` has every word and joined phrase that may be disguised."""

    phrases: tuple[Phrase, ...]
    automaton: Automaton[str]
    vocabulary: frozenset[str]

    @classmethod
    def of(cls, phrases: Iterable[tuple[str, tuple[int, int]]], *, any_number: bool = False) -> Self:
        """Index phrases given as text and place; with `any_number`, a number in a phrase matches every number.

        A phrase without any letter matches nothing.
        """
        found = tuple(
            Phrase(words, place) for text, place in phrases for words in _spellings_of(text, numbers=any_number)
        )
        vocabulary = frozenset(word for phrase in found for word in phrase.words if len(word) >= _MIN_DISGUISED)
        return cls(found, Automaton.of(phrase.words for phrase in found), vocabulary)

    def found_in(self, words: Iterable[str]) -> Iterator[tuple[int, Phrase]]:
        """Every phrase in the words, with the position of its first word, in the order in which the phrases end."""
        for end, number in self.automaton.matches(words):
            phrase = self.phrases[number]
            yield end - len(phrase.words), phrase


def stems_in(text: str) -> list[str]:
    """The folded words of the text without the Arabic prefixes."""
    return [stem_of(word) for word in words_in(text)]


def with_number_placeholder(words: Iterable[str]) -> list[str]:
    """The words with NUMBER in place of every number, so that `50 off` and `70 off` are the same phrase."""
    return [NUMBER if word.isdecimal() else word for word in words]


def joined_spellings(words: list[str]) -> tuple[list[str], list[str]]:
    """The words with each run of at least four single letters as one word, and those joined words."""
    if list(map(len, words)).count(1) < _MIN_SPELLING:
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


def stem_of(word: str) -> str:
    """The folded word without an Arabic prefix; a word that would become too short keeps it."""
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
