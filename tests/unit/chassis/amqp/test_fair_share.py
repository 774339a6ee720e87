"""Shares of accounts: turns, limits, going behind at an account's own pace, and what is never done."""

import math
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.chassis.amqp.fair_share import HOP_SECONDS, LET_PASS_SECONDS, OTHERS_SECONDS, FairShare, SeenAccounts


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def a_share(slots: int = 8, parking: int = 24, *, loop_seconds: float = math.inf) -> tuple[FairShare[int], Clock]:
    clock = Clock()
    return FairShare[int](slots, parking, loop_seconds=loop_seconds, clock=clock), clock


def arrived(share: FairShare[int], account: str, count: int, *, returned: bool = False) -> list[timedelta]:
    """Let deliveries of an account arrive; the waits of those that are put behind."""
    waits = [share.arrive(account, number, returned=returned) for number in range(count)]
    return [wait for wait in waits if wait is not None]


def started(share: FairShare[int]) -> list[str]:
    """The accounts of the deliveries that may start now, in their order."""
    accounts = []
    while (taken := share.take()) is not None:
        accounts.append(taken[0])
    return accounts


def test_an_account_has_at_most_half_of_the_slots_while_there_are_others() -> None:
    share, _ = a_share(8)
    arrived(share, "b", 1)
    arrived(share, "a", 12)

    assert started(share) == ["b", "a", "a", "a", "a"]


def handled(share: FairShare[int], account: str, count: int, *, step: float) -> None:
    """Let deliveries of an account be handled one after the other, each of which held the loop for so long."""
    for number in range(count):
        assert share.arrive(account, number, returned=False) is None
        assert share.take() == (account, number)
        share.finish(account, 0.01, step=step)


@pytest.mark.parametrize(
    ("step", "at_once"),
    [
        pytest.param(0.0, 4, id="steps of no length: the share"),
        pytest.param(0.0009, 4, id="short steps: the share"),
        pytest.param(0.0018, 2, id="steps of half the time: two"),
        pytest.param(0.0045, 1, id="longer steps: one"),
        pytest.param(1.0, 1, id="one, however long the steps are"),
    ],
)
def test_an_accounts_deliveries_hold_the_loop_for_no_longer_than_they_may_together(step: float, at_once: int) -> None:
    share, _ = a_share(8, loop_seconds=0.004)
    handled(share, "b", 1, step=0.0)
    handled(share, "a", 60, step=step)

    arrived(share, "a", 6)

    assert started(share) == ["a"] * at_once


@given(st.lists(st.sampled_from("abc")))
def test_an_account_is_alone_until_another_one_is_seen(seen: list[str]) -> None:
    accounts = SeenAccounts()
    for account in seen:
        accounts.see(account, 1000.0)

    assert [accounts.has_other_than(each) for each in "abcd"] == [bool({*seen} - {each}) for each in "abcd"]


def test_an_accounts_long_steps_take_nothing_from_another_account() -> None:
    share, _ = a_share(8, loop_seconds=0.004)
    handled(share, "b", 60, step=0.001)
    handled(share, "a", 60, step=0.02)

    arrived(share, "a", 6)
    arrived(share, "b", 6)

    assert started(share) == ["a", "b", "b", "b", "b"]


def test_an_account_whose_steps_are_short_again_has_its_share_again() -> None:
    share, _ = a_share(8, loop_seconds=0.004)
    handled(share, "b", 1, step=0.0)
    handled(share, "a", 10, step=0.02)
    handled(share, "a", 60, step=0.0005)

    arrived(share, "a", 6)

    assert started(share) == ["a"] * 4


def test_an_account_alone_has_nearly_all_slots_however_long_its_steps_are() -> None:
    share, _ = a_share(16, loop_seconds=0.004)
    handled(share, "a", 60, step=0.02)

    arrived(share, "a", 20)

    assert len(started(share)) == 14


def test_an_account_with_long_steps_begins_none_while_another_ones_delivery_is_handled() -> None:
    share, _ = a_share(8, loop_seconds=0.004)
    handled(share, "a", 60, step=0.003)
    arrived(share, "b", 1)
    assert started(share) == ["b"]

    arrived(share, "a", 2)
    assert started(share) == []

    share.finish("b", 0.01, step=0.0005)
    assert started(share) == ["a"]


def test_an_account_with_long_steps_lets_others_pass_for_a_while_only() -> None:
    share, clock = a_share(8, loop_seconds=0.004)
    handled(share, "a", 60, step=0.003)
    arrived(share, "b", 2)
    started(share)
    arrived(share, "a", 2)
    assert started(share) == []

    clock.now += 2 * LET_PASS_SECONDS
    share.finish("b", 0.01, step=0.0005)
    assert started(share) == ["a"]

    share.finish("a", 0.01, step=0.003)
    assert started(share) == []  # each of its deliveries lets others pass anew


def test_an_account_has_its_share_while_others_have_deliveries_of_another_queue() -> None:
    process, clock = SeenAccounts(), Clock()
    webhooks, customers = (FairShare[int](8, 24, process=process, clock=clock) for _ in range(2))
    arrived(webhooks, "b", 1)

    arrived(customers, "a", 12)

    assert started(customers) == ["a"] * 4
    assert arrived(customers, "a", 20) == []  # alone in its queue, it goes on being parked
    clock.now += OTHERS_SECONDS + 1
    arrived(customers, "a", 1)
    assert started(customers) == ["a"] * 3  # alone in the process: all slots but one


def test_accounts_take_turns() -> None:
    share, _ = a_share(6)
    arrived(share, "a", 3)
    arrived(share, "b", 3)
    arrived(share, "c", 3)

    assert started(share) == ["a", "b", "c", "a", "b", "c"]


def test_a_delivery_of_another_account_starts_before_the_parked_ones_of_the_first() -> None:
    share, _ = a_share(8)
    arrived(share, "b", 1)
    arrived(share, "a", 20)
    started(share)
    arrived(share, "b", 1)

    assert started(share) == ["b"]


def test_a_finished_delivery_makes_room_for_the_next_of_its_account_in_order() -> None:
    share, _ = a_share(2)
    arrived(share, "b", 1)
    arrived(share, "a", 3)
    assert [share.take(), share.take(), share.take()] == [("b", 0), ("a", 0), None]

    share.finish("a", 0.1)

    assert share.take() == ("a", 1)


def test_a_consumer_of_one_slot_still_serves_everybody() -> None:
    share, _ = a_share(1)
    arrived(share, "a", 2)
    arrived(share, "b", 1)
    served = []
    for _ in range(3):
        taken = share.take()
        assert taken is not None
        served.append(taken[0])
        share.finish(taken[0], 0.1)

    assert served == ["a", "b", "a"]


def test_an_account_alone_has_nearly_all_slots_and_is_never_put_behind() -> None:
    share, clock = a_share(16)

    assert arrived(share, "a", 100) == []
    assert len(started(share)) == 14
    clock.now += OTHERS_SECONDS + 1
    assert arrived(share, "a", 50) == []


def test_another_account_is_remembered_for_a_minute() -> None:
    share, clock = a_share(8)
    arrived(share, "b", 1)
    started(share)
    share.finish("b", 0.1)

    clock.now += OTHERS_SECONDS - 1
    assert arrived(share, "a", 40) != []
    clock.now += 2
    assert arrived(share, "c", 1) == []


def test_what_does_not_fit_goes_behind_at_the_accounts_own_pace() -> None:
    share, _ = a_share(8)
    arrived(share, "b", 1)
    for _ in range(200):  # its deliveries take 0.4 s each, so four at once are ten a second
        assert arrived(share, "a", 1) == []
        started(share)
        share.finish("a", 0.4)

    waits = [round(wait.total_seconds()) for wait in arrived(share, "a", 64)]

    assert len(waits) == 64 - 18  # a quarter of the parking is left for others
    assert waits == sorted(waits)
    assert [waits.count(seconds) for seconds in (1, 2, 3, 4, 5)] == [10, 10, 10, 10, 6]


def test_no_delivery_comes_back_before_an_earlier_one_of_its_account() -> None:
    share, clock = a_share(8)
    arrived(share, "b", 1)
    back: list[tuple[float, float]] = []
    for number in range(400):
        clock.now += 0.013
        wait = share.arrive("a", number, returned=False)
        if wait is not None:
            back.append((clock.now + wait.total_seconds(), wait.total_seconds()))
        if number % 3 == 0 and share.take() is not None:
            share.finish("a", 0.2)

    assert len(back) > 300
    for (at, waited), (next_at, next_wait) in pairwise(back):
        assert next_at >= at + (HOP_SECONDS if waited != next_wait else 0)


def test_a_newer_delivery_never_overtakes_those_that_are_behind() -> None:
    share, clock = a_share(8)
    arrived(share, "b", 1)
    last = arrived(share, "a", 40)[-1]
    for _ in started(share):
        pass
    for account in ["a"] * 4:
        share.finish(account, 0.1)

    behind = share.arrive("a", 1, returned=False)

    assert behind is not None
    assert behind >= last
    clock.now += last.total_seconds() + 10
    assert share.arrive("a", 1, returned=False) is None


def test_what_comes_back_is_taken_although_newer_deliveries_are_put_behind() -> None:
    share, clock = a_share(8)
    arrived(share, "b", 1)
    wait = arrived(share, "a", 40)[0]
    clock.now += wait.total_seconds()

    assert share.arrive("a", 1, returned=False) is not None
    assert share.arrive("a", 1, returned=True) is None


def test_an_account_below_its_share_is_taken_when_the_prefetch_is_full_of_another() -> None:
    share, _ = a_share(8)
    arrived(share, "b", 1)
    arrived(share, "a", 100)
    arrived(share, "a", 100, returned=True)

    assert arrived(share, "c", 4) == []


def test_what_was_parked_on_a_closed_channel_is_forgotten() -> None:
    share, _ = a_share(4)
    arrived(share, "b", 1)
    arrived(share, "a", 4)
    started(share)

    share.forget_parked()

    assert share.take() is None
    assert arrived(share, "a", 1) == []


@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("arrive"), st.sampled_from("abc"), st.booleans()),
            st.tuples(st.just("finish"), st.sampled_from("abc"), st.booleans()),
            st.tuples(st.just("wait"), st.sampled_from("abc"), st.booleans()),
        ),
        max_size=200,
    ),
    slots=st.integers(1, 9),
    held=st.dictionaries(st.sampled_from("abc"), st.floats(0, 10), max_size=3),
)
def test_nothing_parked_starves_and_the_limits_always_hold(
    steps: list[tuple[str, str, bool]], slots: int, held: dict[str, float]
) -> None:
    share, clock = a_share(slots, loop_seconds=0.004)
    running: dict[str, int] = dict.fromkeys("abc", 0)
    parked: dict[str, list[int]] = {account: [] for account in "abc"}

    def start_all() -> None:
        while (taken := share.take()) is not None:
            account, delivery = taken
            assert parked[account].pop(0) == delivery
            running[account] += 1

    for number, (step, account, returned) in enumerate(steps):
        if step == "arrive":
            if share.arrive(account, number, returned=returned) is None:
                parked[account].append(number)
        elif step == "wait":
            clock.now += 100
        elif running[account]:
            running[account] -= 1
            share.finish(account, 0.1, step=held.get(account, 0.0))
        start_all()
        assert sum(running.values()) <= slots
        assert not any(parked.values()) or any(running.values())

    while any(running.values()):
        account = next(account for account in "abc" if running[account])
        running[account] -= 1
        share.finish(account, 0.1, step=held.get(account, 0.0))
        start_all()
    assert not any(parked.values())
