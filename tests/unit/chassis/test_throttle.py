"""The flood throttle: twenty a minute are recorded one by one, the rest in one summary, in bounded memory."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from libs.chassis.throttle import AggregatingThrottle, MinuteBudget, Summary


def test_twenty_are_recorded_and_the_rest_counted_by_reason() -> None:
    throttle: AggregatingThrottle[str] = AggregatingThrottle()

    single = [throttle.admits("a", "wrong_secret", at=i) for i in range(20)]
    counted = [throttle.admits("a", reason, at=30) for reason in ["wrong_secret"] * 3 + ["stale_timestamp"]]

    assert (single, counted) == ([True] * 20, [False] * 4)
    assert throttle.summaries(at=59.9) == []
    assert throttle.summaries(at=60) == [Summary("a", {"wrong_secret": 3, "stale_timestamp": 1})]
    assert throttle.summaries(at=60) == []


def test_one_source_does_not_silence_another() -> None:
    throttle: AggregatingThrottle[str] = AggregatingThrottle(individual_limit=1)
    throttle.admits("a", "x", at=0)
    throttle.admits("a", "x", at=0)

    assert throttle.admits("b", "x", at=0)


def test_a_new_minute_is_recorded_again() -> None:
    throttle: AggregatingThrottle[str] = AggregatingThrottle(individual_limit=1)
    throttle.admits("a", "x", at=0)
    throttle.admits("a", "x", at=1)

    assert throttle.admits("a", "x", at=60)
    assert throttle.summaries(at=60) == [Summary("a", {"x": 1})]


def test_the_last_summary_does_not_wait_for_its_minute() -> None:
    throttle: AggregatingThrottle[str] = AggregatingThrottle(individual_limit=0)
    throttle.admits("a", "x", at=0)

    assert throttle.summaries(at=1, final=True) == [Summary("a", {"x": 1})]


def test_sources_beyond_the_bound_share_one_count() -> None:
    throttle: AggregatingThrottle[int] = AggregatingThrottle(individual_limit=2, max_sources=3)

    admitted = [throttle.admits(source, "x", at=0) for source in range(1000)]

    assert sum(admitted) == 3 + 2
    assert throttle.summaries(at=60) == [Summary(None, {"x": 995})]


def test_sources_of_a_past_minute_are_forgotten() -> None:
    throttle: AggregatingThrottle[int] = AggregatingThrottle(max_sources=3)
    for source in range(3):
        throttle.admits(source, "x", at=0)

    throttle.summaries(at=61)

    assert throttle.admits(7, "x", at=61)
    assert list(throttle._minutes) == [7]


FAILURES = st.lists(st.tuples(st.integers(0, 5), st.sampled_from("xyz"), st.integers(0, 40)), max_size=200)


@given(FAILURES)
def test_every_failure_is_recorded_or_counted_exactly_once(failures: list[tuple[int, str, int]]) -> None:
    throttle: AggregatingThrottle[int] = AggregatingThrottle(individual_limit=2, max_sources=3)
    seen: Counter[str] = Counter()
    now = 0

    for source, reason, passed in failures:
        now += passed
        seen[reason] += throttle.admits(source, reason, at=now)
        for summary in throttle.summaries(at=now):
            seen.update(summary.counts)
    for summary in throttle.summaries(at=now, final=True):
        seen.update(summary.counts)

    assert seen == +Counter(reason for _, reason, _ in failures)


def test_a_minutes_budget_is_each_sources_own() -> None:
    budget: MinuteBudget[str] = MinuteBudget(2)

    told = [budget.admits(source, at=0.0) for source in ("a", "a", "b", "a", "b", "b")]

    assert told == [True, True, True, False, True, False]


def test_a_new_minute_brings_a_new_budget() -> None:
    budget: MinuteBudget[str] = MinuteBudget(1)

    told = [budget.admits("a", at=at) for at in (59.0, 59.9, 60.0, 119.9, 120.0)]

    assert told == [True, False, True, False, True]


def test_sources_beyond_the_bound_share_one_budget() -> None:
    budget: MinuteBudget[str] = MinuteBudget(1, max_sources=2)

    told = [budget.admits(source, at=0.0) for source in ("a", "b", "c", "d", "a")]

    assert told == [True, True, True, False, False]
