"""`BlockedWords`: an account's own blocked words, found in a text however they are written.

Words and text are compared by their folded letters, as opt-out words are. A match begins where a word of the text
begins and ends where one ends, so `art` is not found in `party`. Signs and spaces inside a word do not hide it:
`ca.si.no`, `c a s i n o` and `ca sino` are `casino`. With `*` at its end, a word is also found at the beginning of
longer words. The time depends on the length of the text only (docs/decisions/0029-words-and-fair-shares.md).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from services.policy.domain.automaton import ROOT, Automaton
from services.policy.domain.lookalikes import with_latin_letters
from services.policy.domain.phrases import MIN_JOINED_PHRASE, PhraseIndex, stems_in

ANY_ENDING: Final = "*"
"""At the end of a blocked word: longer words that begin with it are blocked too."""
MIN_PREFIX: Final = 4
"""Fewest letters before `*`; fewer begin too many innocent words, and the `*` is ignored."""

_SPELT: Final = 3
"""Fewest letters of a word that is found in single letters: `b e t`."""
_SPLIT_BY_SIGNS: Final = 4
"""Fewest letters of a word that is found with signs inside and no space: `po.ker`."""
_SPLIT_BY_SPACES: Final = 6
"""Fewest letters of a word that is found with spaces inside: `ca sino`. Two innocent words rarely make a longer one."""

_UNSPACED_SCRIPTS: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
"""Scripts written without spaces between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese."""

_MAX_LETTERS: Final = 128
"""Longer words are found as they are written only. Twice the longest that the console accepts: folding adds letters."""
_RECENT: Final = (1 << _MAX_LETTERS) - 1


@dataclass(frozen=True, slots=True)
class _Lengths:
    """The lengths of the words that end in a state, as sets of bits: bit n is set for a word of n + 1 letters."""

    whole: int = 0
    """Words that must end where a word of the text ends."""
    begun: int = 0
    """Words with ANY_ENDING, which may end anywhere."""
    splittable: int = 0
    """Those among both that are found with signs or spaces inside."""
    anywhere: bool = False
    """Whether one of them is in a script without spaces, and is found inside every text."""

    def __or__(self, other: "_Lengths") -> "_Lengths":
        return _Lengths(
            self.whole | other.whole,
            self.begun | other.begun,
            self.splittable | other.splittable,
            self.anywhere or other.anywhere,
        )


NO_LENGTHS: Final = _Lengths()


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedWords:
    """The words, prepared for the search."""

    letters: Automaton[str]
    lengths: Mapping[int, _Lengths]
    phrases: PhraseIndex
    vocabulary: frozenset[str]
    """The words that a disguised spelling is compared with."""
    beginnings: frozenset[str]
    """The words with ANY_ENDING, without it."""

    @classmethod
    def of(cls, words: Iterable[str]) -> Self:
        """Prepare the words; one without letters matches nothing. Takes time in proportion to their length."""
        spellings: dict[str, _Lengths] = {}
        phrases: list[str] = []
        for word in words:
            stems = stems_in(word)
            if len(stems) > 1 or len("".join(stems)) > _MAX_LETTERS:
                phrases += dict.fromkeys((word, with_latin_letters(" ".join(stems))))
            for letters in _spellings_of(stems):
                spellings[letters] = spellings.get(letters, NO_LENGTHS) | _lengths_of(letters, word)
        automaton = Automaton.of(spellings)
        index = PhraseIndex.of((phrase, (0, 0)) for phrase in phrases)
        return cls(
            letters=automaton,
            lengths=_lengths_by_state(automaton, list(spellings.items())),
            phrases=index,
            vocabulary=index.vocabulary.union(spellings),
            beginnings=frozenset(letters for letters, lengths in spellings.items() if lengths.begun),
        )

    def __len__(self) -> int:
        """The number of states of both automata, a measure of the memory."""
        return len(self.letters) + len(self.phrases.automaton)

    def is_known(self, word: str) -> bool:
        """True when the folded word is one of the words, or begins with one that has ANY_ENDING."""
        if word in self.vocabulary:
            return True
        return bool(self.beginnings) and any(word[:end] in self.beginnings for end in range(MIN_PREFIX, len(word)))

    def occur_in(self, parts: Sequence[Sequence[str]]) -> bool:
        """True when one of them is in the text, given as the folded words of each part between spaces."""
        if self.phrases.phrases:
            words = [word for part in parts for word in part]
            if next(self.phrases.found_in(words), None) is not None:
                return True
        return bool(self.lengths) and self._are_spelt_in(parts)

    def _are_spelt_in(self, parts: Sequence[Sequence[str]]) -> bool:
        follow, fallbacks, nearest = self.letters.edges.get, self.letters.fallbacks, self.letters.nearest
        state = starts = spelt = 0
        for part in parts:
            before = 0  # letters of the part's earlier words
            for word in part:
                starts = (starts | 1) & _RECENT  # bit n: a word starts n letters before this one's first letter
                spelt = spelt + 1 if len(word) == 1 else 0
                for in_word, letter in enumerate(word, 1):
                    while (following := follow((state, letter))) is None and state:
                        state = fallbacks[state]
                    state = following or ROOT
                    if nearest[state]:
                        ending = self.lengths[nearest[state]]
                        possible = ending.whole if in_word == len(word) else ending.begun
                        if ending.anywhere or possible & _lengths_allowed(
                            starts, ending.splittable, in_word=in_word, in_part=before + in_word, spelt=spelt
                        ):
                            return True
                before += len(word)
                starts <<= min(len(word), _MAX_LETTERS)
        return False


def _lengths_allowed(starts: int, splittable: int, *, in_word: int, in_part: int, spelt: int) -> int:
    """The lengths of matches that end here and begin where they may, as a set of bits.

    `starts`: bit n is set when a word starts n letters before the first letter of the current one. A match begins with
    the current word. A splittable one may begin with an earlier word, if it is long enough.
    """
    allowed = 1 << in_word - 1
    split = splittable & starts << in_word - 1
    if split:
        signs = _at_least(_SPLIT_BY_SIGNS) & ((1 << in_part) - 1)
        letters = _at_least(_SPELT) & ((1 << spelt) - 1)
        allowed |= split & (signs | letters | _at_least(_SPLIT_BY_SPACES))
    return allowed


def _at_least(letters: int) -> int:
    return _RECENT ^ ((1 << letters - 1) - 1)


def _spellings_of(stems: Sequence[str]) -> Iterator[str]:
    """The letters that the search by letters looks for: as they are, and as the text has them where they look Latin.

    A short phrase is not among them: it is found as it is written only.
    """
    letters = "".join(stems)
    if 0 < len(letters) <= _MAX_LETTERS and (len(stems) == 1 or len(letters) >= MIN_JOINED_PHRASE):
        yield from dict.fromkeys((letters, with_latin_letters(letters)))


def _lengths_of(letters: str, word: str) -> _Lengths:
    bit = 1 << len(letters) - 1
    unspaced = _UNSPACED_SCRIPTS.search(word) is not None
    begun = word.rstrip().endswith(ANY_ENDING) and len(letters) >= MIN_PREFIX
    splittable = not any(map(str.isdecimal, letters))  # digits in groups are a phone number or an amount
    return _Lengths(bit, bit if begun else 0, bit if splittable else 0, unspaced)


def _lengths_by_state(automaton: Automaton[str], spellings: Sequence[tuple[str, _Lengths]]) -> Mapping[int, _Lengths]:
    """For each state with endings, the lengths of all words that end in it, those of its fallbacks included."""
    by_state: dict[int, _Lengths] = {}
    for state, (number, *_) in sorted(automaton.endings.items(), key=lambda item: len(spellings[item[1][0]][0])):
        shorter = by_state.get(automaton.nearest[automaton.fallbacks[state]], NO_LENGTHS)
        by_state[state] = spellings[number][1] | shorter
    return by_state
