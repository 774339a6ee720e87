"""`plain_words`: reads the words of a text with known words in place of their disguised spellings."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from services.policy.domain.automaton import Automaton
from services.policy.domain.folded_text import parts_in
from services.policy.domain.lookalikes import is_of_two_scripts, latin_readings, leet_chunks_in, may_have_leet
from services.policy.domain.phrases import stem_of

IsKnown = Callable[[str], bool]

_MIN_SPLIT: Final = 5
"""Fewest letters of a word of the policy that is recognised with signs inside: `po.ker`."""
_SURELY_SPLIT: Final = 3
"""Fewest pieces of a split word that count as a disguise. Two may be a hyphen: `on-line`."""


@dataclass(frozen=True, slots=True)
class PlainWords:
    """A text's folded words of each part between spaces, and how many of them were disguised."""

    parts: tuple[list[str], ...]
    disguised: int
    mixed_scripts: int
    """Words with letters of two scripts, whatever they mean."""


@dataclass(frozen=True, slots=True)
class SplitWords:
    """Words that are recognised when signs split them: `ca.si.no`.

    Spaces are not signs here. The lists of ten languages hold words that two innocent words make: the French `soldes`
    (a sale) is also `sol des` (floor of).
    """

    words: tuple[str, ...]
    automaton: Automaton[str]

    @classmethod
    def of(cls, vocabulary: Iterable[str]) -> Self:
        """Recognise the words of the vocabulary that are long enough and have no digit."""
        words = tuple(
            sorted(word for word in vocabulary if len(word) >= _MIN_SPLIT and not any(map(str.isdecimal, word)))
        )
        return cls(words, Automaton.of(words))

    def joined(self, part: Sequence[str]) -> tuple[list[str], int]:
        """The part's words with the recognised ones joined, and how many were surely split on purpose."""
        starts: dict[int, int] = {}
        offset = 0
        for at, word in enumerate(part):
            starts[offset] = at
            offset += len(word)
        starts[offset] = len(part)
        joined: list[str] = []
        done = disguised = 0
        for end, number in self.automaton.matches("".join(part)):
            first, last = starts.get(end - len(self.words[number]), -1), starts.get(end, -1)
            if done <= first < last - 1:
                joined += [*part[done:first], self.words[number]]
                disguised += last - first >= _SURELY_SPLIT
                done = last
        return [*joined, *part[done:]], disguised


def plain_words(text: str, is_known: IsKnown) -> PlainWords:
    """The text's words without Arabic prefixes; digits, signs and foreign letters are the letters that they imitate.

    Digits and signs are read so in known words only.
    """
    plain, leet = _without_leet(text, is_known)
    if text.isascii():
        return PlainWords(tuple(parts_in(plain)), leet, 0)
    parts = tuple([stem_of(word) for word in part] for part in parts_in(plain))
    words = [word for part in parts for word in part]
    readings = latin_readings(words)
    plain_parts = tuple(_replaced(parts, readings)) if readings else parts
    disguised = leet + sum(map(is_known, readings.values()))
    return PlainWords(plain_parts, disguised, sum(is_of_two_scripts(words[at]) for at in readings))


def _replaced(parts: Iterable[Sequence[str]], readings: Mapping[int, str]) -> Iterator[list[str]]:
    """The parts with the readings of some words, given by the number of the word in the whole text."""
    number, reading = 0, readings.get
    for part in parts:
        yield [reading(at, word) for at, word in enumerate(part, number)]
        number += len(part)


def _without_leet(text: str, is_known: IsKnown) -> tuple[str, int]:
    """The text with known words in place of their leet spellings, and the number of those."""
    if not may_have_leet(text):
        return text, 0
    chunks, found = [], 0
    for chunk, readings in leet_chunks_in(text):
        known = next((word for word in readings if is_known(word)), None)
        found += known is not None
        chunks.append(known or chunk)
    return (" ".join(chunks), found) if found else (text, 0)
