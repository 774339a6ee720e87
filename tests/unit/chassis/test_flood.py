"""The flood gate: twenty a minute are recorded one by one, the rest in one summary, in bounded memory."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from libs.chassis.flood import FloodGate, Summary


def test_twenty_are_recorded_and_the_rest_counted_by_reason() -> None:
    gate: FloodGate[str] = FloodGate()

    single = [gate.admits("a", "wrong_secret", at=i) for i in range(20)]
    counted = [gate.admits("a", reason, at=30) for reason in ["wrong_secret"] * 3 + ["stale_timestamp"]]

    assert (single, counted) == ([True] * 20, [False] * 4)
    assert gate.summaries(at=59.9) == []
    assert gate.summaries(at=60) == [Summary("a", {"wrong_secret": 3, "stale_timestamp": 1})]
    assert gate.summaries(at=60) == []


def test_one_source_does_not_silence_another() -> None:
    gate: FloodGate[str] = FloodGate(singly=1)
    gate.admits("a", "x", at=0)
    gate.admits("a", "x", at=0)

    assert gate.admits("b", "x", at=0)


def test_a_new_minute_is_recorded_again() -> None:
    gate: FloodGate[str] = FloodGate(singly=1)
    gate.admits("a", "x", at=0)
    gate.admits("a", "x", at=1)

    assert gate.admits("a", "x", at=60)
    assert gate.summaries(at=60) == [Summary("a", {"x": 1})]


def test_the_last_summary_does_not_wait_for_its_minute() -> None:
    gate: FloodGate[str] = FloodGate(singly=0)
    gate.admits("a", "x", at=0)

    assert gate.summaries(at=1, final=True) == [Summary("a", {"x": 1})]


def test_sources_beyond_the_bound_share_one_count() -> None:
    gate: FloodGate[int] = FloodGate(singly=2, most_sources=3)

    admitted = [gate.admits(source, "x", at=0) for source in range(1000)]

    assert sum(admitted) == 3 + 2
    assert gate.summaries(at=60) == [Summary(None, {"x": 995})]


def test_sources_of_a_past_minute_are_forgotten() -> None:
    gate: FloodGate[int] = FloodGate(most_sources=3)
    for source in range(3):
        gate.admits(source, "x", at=0)

    gate.summaries(at=61)

    assert gate.admits(7, "x", at=61)
    assert list(gate._minutes) == [7]


FAILURES = st.lists(st.tuples(st.integers(0, 5), st.sampled_from("xyz"), st.integers(0, 40)), max_size=200)


@given(FAILURES)
def test_every_failure_is_recorded_or_counted_exactly_once(failures: list[tuple[int, str, int]]) -> None:
    gate: FloodGate[int] = FloodGate(singly=2, most_sources=3)
    seen: Counter[str] = Counter()
    now = 0

    for source, reason, passed in failures:
        now += passed
        seen[reason] += gate.admits(source, reason, at=now)
        for summary in gate.summaries(at=now):
            seen.update(summary.counts)
    for summary in gate.summaries(at=now, final=True):
        seen.update(summary.counts)

    assert seen == +Counter(reason for _, reason, _ in failures)
