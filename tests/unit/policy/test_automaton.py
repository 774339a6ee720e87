"""The search for many patterns: it finds what a naive search finds, in counted steps."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.policy.domain.automaton import Automaton

LETTERS = st.text(st.sampled_from("ab"), max_size=5)


class CountedEdges(dict[tuple[int, str], int]):
    """Edges that count the look-ups, which are all that the search does for a symbol."""

    looked_up = 0

    def get(self, key: tuple[int, str], default: int | None = None) -> int | None:  # type: ignore[override]
        self.looked_up += 1
        return super().get(key, default)


def counted(patterns: Sequence[str]) -> tuple[Automaton[str], CountedEdges]:
    automaton = Automaton.of(patterns)
    edges = CountedEdges(automaton.edges)
    return replace(automaton, edges=edges), edges


@given(patterns=st.lists(LETTERS, max_size=6), text=st.text(st.sampled_from("abc"), max_size=40))
def test_every_occurrence_of_every_pattern_is_found(patterns: list[str], text: str) -> None:
    expected = sorted(
        (end, number)
        for number, pattern in enumerate(patterns)
        for end in range(len(pattern), len(text) + 1)
        if pattern and text[end - len(pattern) : end] == pattern
    )

    assert sorted(Automaton.of(patterns).matches(text)) == expected


def test_words_are_symbols_too() -> None:
    automaton = Automaton.of([("buy", "now"), ("now",)])

    assert list(automaton.matches(("buy", "now", "or", "now"))) == [(2, 0), (2, 1), (4, 1)]


HOSTILE = {
    "a common beginning": ["a" * 63 + end for end in "bcdefghijklmnopqrstuvwxyz"],
    "each the beginning of the next": ["a" * length for length in range(1, 65)],
    "each the end of the next": ["a" * length + "b" for length in range(64)],
    "overlapping in many ways": ["ab" * 30 + "c", "ba" * 30 + "c", "aab" * 20 + "c", "abb" * 20 + "c"],
    "unlike": ["".join(chr(97 + (i * j) % 26) for j in range(1, 65)) for i in range(1, 500)],
}


def texts() -> Iterator[str]:
    for unit in ("a", "ab", "aab", "a" * 63 + "x", "ab" * 29 + "a", "abcdefghij", "x"):
        yield (unit * 4096)[:4096]


@pytest.mark.parametrize("patterns", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_symbol_takes_at_most_two_steps_and_a_match_one(patterns: list[str]) -> None:
    for text in texts():
        automaton, edges = counted(patterns)

        matches = sum(1 for _ in automaton.matches(text))

        assert edges.looked_up + matches <= 3 * len(text) + matches
        assert edges.looked_up <= 2 * len(text)


@pytest.mark.parametrize("patterns", HOSTILE.values(), ids=HOSTILE.keys())
def test_the_states_are_no_more_than_the_patterns_letters(patterns: list[str]) -> None:
    assert len(Automaton.of(patterns)) <= 1 + sum(map(len, patterns))
