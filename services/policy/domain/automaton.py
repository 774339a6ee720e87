"""`Automaton`: finds many patterns in one pass over a sequence of symbols: letters of a text, or words.

This is the algorithm of Aho and Corasick (CACM 18, 1975). Reading n symbols takes at most 2n look-ups in `edges`,
whatever the patterns and the symbols are, and each match takes one step more.
docs/decisions/0029-words-and-fair-shares.md says why no library does it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

S = TypeVar("S")

ROOT = 0
"""The state in which no pattern has begun."""


@dataclass(frozen=True, slots=True)
class Automaton(Generic[S]):
    """The patterns' common beginnings as states; a state stands for the longest beginning that ends at a symbol."""

    edges: Mapping[tuple[int, S], int]
    """The state after a state and a symbol, where a pattern goes on so."""
    fallbacks: Sequence[int]
    """For each state, the longest shorter beginning that ends at the same symbol."""
    endings: Mapping[int, tuple[int, ...]]
    """The numbers of the patterns that end in a state, those of its fallbacks not included."""
    nearest: Sequence[int]
    """For each state, itself when it has endings, else the nearest of its fallbacks that has; ROOT when none has."""
    first: AbstractSet[S]
    """The symbols that patterns begin with: most words of a text begin none."""

    @classmethod
    def of(cls, patterns: Iterable[Sequence[S]]) -> Self:
        """Build the automaton; an empty pattern matches nothing. Takes time in proportion to the patterns' length."""
        edges: dict[tuple[int, S], int] = {}
        origins: list[tuple[int, S, int]] = []  # the depth, the last symbol and the state before it of states 1, 2 …
        endings: dict[int, tuple[int, ...]] = {}
        for number, pattern in enumerate(patterns):
            state = ROOT
            for depth, symbol in enumerate(pattern, 1):
                following = edges.setdefault((state, symbol), len(origins) + 1)
                if following > len(origins):
                    origins.append((depth, symbol, state))
                state = following
            if state != ROOT:
                endings[state] = (*endings.get(state, ()), number)
        fallbacks, nearest = _links(edges, origins, endings)
        return cls(edges, fallbacks, endings, nearest, frozenset(symbol for state, symbol in edges if state == ROOT))

    def __len__(self) -> int:
        """The number of states, a measure of its memory: about 250 bytes each."""
        return len(self.fallbacks)

    def matches(self, symbols: Iterable[S]) -> Iterator[tuple[int, int]]:
        """Each match: the position after its last symbol, and the pattern's number; the longest first at a position."""
        follow, fallbacks, nearest = self.edges.get, self.fallbacks, self.nearest
        first = self.first
        state = ROOT
        for end, symbol in enumerate(symbols, 1):
            if not state and symbol not in first:
                continue
            while (following := follow((state, symbol))) is None and state:
                state = fallbacks[state]
            state = following or ROOT
            found = nearest[state]
            while found:
                yield from ((end, number) for number in self.endings[found])
                found = nearest[fallbacks[found]]


def _links(
    edges: Mapping[tuple[int, S], int], origins: Sequence[tuple[int, S, int]], endings: Mapping[int, object]
) -> tuple[list[int], list[int]]:
    """The fallback of each state and the nearest one with endings, shorter beginnings first."""
    fallbacks, nearest = [ROOT] * (len(origins) + 1), [ROOT] * (len(origins) + 1)
    for state in sorted(range(1, len(origins) + 1), key=lambda state: origins[state - 1][0]):
        _, symbol, before = origins[state - 1]
        fallback = fallbacks[before]
        while (following := edges.get((fallback, symbol))) is None and fallback:
            fallback = fallbacks[fallback]
        fallbacks[state] = following if following is not None and following != state else ROOT
        nearest[state] = state if state in endings else nearest[fallbacks[state]]
    return fallbacks, nearest
