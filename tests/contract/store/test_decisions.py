"""The contract of `Decisions`, on every adapter."""

import asyncio
from datetime import UTC, datetime

import pytest

from libs.store.conversations import Conversation, SuppressionKind
from libs.store.decisions import Limit, QuotaExhausted, StandingDecision, Usage
from libs.store.factory import open_store
from libs.store.store import Store
from tests.contract.store.builders import (
    NOW,
    a_budget,
    a_decision,
    a_facts_query,
    a_refusal,
    a_suppression,
    after,
    an_approval,
    standing,
)

TEN_PAST = datetime(2026, 11, 23, 9, 10, tzinfo=UTC)
DAYS = 86_400


async def usage(store: Store, now: datetime = NOW) -> Usage:
    return (await store.decisions.facts(a_facts_query("nobody", now=now))).usage


async def test_of_an_unknown_customer_nothing_is_known(store: Store) -> None:
    facts = await store.decisions.facts(a_facts_query())

    assert facts.conversation == Conversation()
    assert facts.suppressed == frozenset()
    assert facts.usage == Usage()
    assert facts.decision is None


async def test_facts_without_a_customer_are_the_accounts_alone(store: Store) -> None:
    await store.conversations.open_window("num-1", ["customer-1"], NOW)
    await store.decisions.decide(an_approval("event-1"))

    facts = await store.decisions.facts(a_facts_query("event-1", customer_keys=()))

    assert facts.conversation == Conversation()
    assert facts.suppressed == frozenset()
    assert (facts.usage.day, facts.usage.month, facts.usage.ten_minutes) == (1, 1, 1)
    assert facts.decision == a_decision("approved")


async def test_facts_of_several_keys_are_the_latest_window_and_any_suppression(store: Store) -> None:
    await store.conversations.open_window("num-1", ["by-phone"], after(0))
    await store.conversations.open_window("num-1", ["by-user-id"], after(20))
    await store.conversations.close_window("num-1", "by-phone", after(10))
    await store.suppressions.suppress(a_suppression("s-1", customer_key="by-phone"), [])
    blocked = a_suppression("s-2", customer_key="by-user-id", kind=SuppressionKind.BLOCKED)
    await store.suppressions.suppress(blocked, [])

    facts = await store.decisions.facts(a_facts_query(customer_keys=("by-phone", "by-user-id")))

    assert facts.conversation == Conversation(last_inbound_at=after(20), closed_at=None)
    assert facts.suppressed == {SuppressionKind.OPT_OUT, SuppressionKind.BLOCKED}


async def test_facts_are_of_this_number_and_this_account(store: Store) -> None:
    await store.conversations.open_window("num-2", ["customer-1"], NOW)
    await store.suppressions.suppress(a_suppression(account_id="acc-2"), [])
    await store.decisions.decide(an_approval("event-9", budget=a_budget(account_id="acc-2")))

    facts = await store.decisions.facts(a_facts_query())

    assert facts.conversation == Conversation()
    assert facts.suppressed == frozenset()
    assert facts.usage == Usage()


async def test_usage_is_of_the_day_and_month_asked_for(store: Store) -> None:
    await store.decisions.decide(an_approval("event-1", budget=a_budget(day="2026-11-22")))
    await store.decisions.decide(an_approval("event-2", budget=a_budget()))
    await store.decisions.decide(an_approval("event-3", budget=a_budget(day="2026-10-31", month="2026-10")))

    used = await usage(store)

    assert (used.day, used.month) == (1, 2)


async def test_the_first_decision_stands_whatever_is_proposed_later(store: Store, other: Store) -> None:
    first = await store.decisions.decide(a_refusal(decision=a_decision("withdrawn")))
    second = await other.decisions.decide(an_approval(decision=a_decision("approved")))

    assert first == standing("withdrawn", fresh=True)
    assert second == standing("withdrawn", fresh=False)
    assert (await usage(store)).day == 0
    assert (await other.decisions.facts(a_facts_query())).decision == a_decision("withdrawn")


async def test_a_hundred_settles_of_one_event_are_one_decision_and_one_message(store: Store, other: Store) -> None:
    settled = await asyncio.gather(
        *((store, other)[n % 2].decisions.decide(an_approval(decision=a_decision(f"try {n}"))) for n in range(100))
    )

    fresh = [answer for answer in settled if isinstance(answer, StandingDecision) and answer.fresh]
    assert len(fresh) == 1
    assert settled.count(StandingDecision(fresh[0].decision, fresh=False)) == 99
    assert (await usage(store)).day == 1
    assert (await usage(other)).ten_minutes == 1


async def test_two_hundred_simultaneous_approvals_never_exceed_the_limit(store: Store, other: Store) -> None:
    budget = a_budget(daily_limit=50)

    settled = await asyncio.gather(
        *((store, other)[n % 2].decisions.decide(an_approval(f"event-{n}", budget=budget)) for n in range(200))
    )

    assert sum(isinstance(answer, StandingDecision) for answer in settled) == 50
    assert settled.count(QuotaExhausted(Limit.DAILY, 50)) == 150
    assert (await usage(store)).day == 50
    assert (await usage(store)).month == 50


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        pytest.param({"daily_limit": 2}, QuotaExhausted(Limit.DAILY, 2), id="the day is used up"),
        pytest.param({"monthly_limit": 2}, QuotaExhausted(Limit.MONTHLY, 2), id="the month is used up"),
        pytest.param(
            {"daily_limit": 2, "monthly_limit": 2}, QuotaExhausted(Limit.DAILY, 2), id="the day is named first"
        ),
        pytest.param({"daily_limit": 0}, QuotaExhausted(Limit.DAILY, 2), id="a limit of none is used up at once"),
    ],
)
async def test_an_approval_beyond_a_limit_writes_nothing(
    store: Store, limits: dict[str, int], expected: QuotaExhausted
) -> None:
    for number in range(2):
        await store.decisions.decide(an_approval(f"event-{number}"))
    before = await usage(store)

    answer = await store.decisions.decide(an_approval("late", budget=a_budget(**limits)))

    facts = await store.decisions.facts(a_facts_query("late"))
    assert answer == expected
    assert facts.decision is None
    assert facts.usage == before


async def test_a_new_day_goes_on_with_the_same_month(store: Store) -> None:
    for number in range(2):
        await store.decisions.decide(an_approval(f"event-{number}"))
    tomorrow = a_budget(day="2026-11-24", daily_limit=1, monthly_limit=3)

    first = await store.decisions.decide(an_approval("first", budget=tomorrow))
    second = await store.decisions.decide(an_approval("second", budget=a_budget(day="2026-11-25", monthly_limit=3)))

    assert isinstance(first, StandingDecision)
    assert second == QuotaExhausted(Limit.MONTHLY, 3)


async def test_an_exhausted_event_can_still_be_refused(store: Store) -> None:
    await store.decisions.decide(an_approval(budget=a_budget(daily_limit=0)))

    assert await store.decisions.decide(a_refusal()) == standing("refused", fresh=True)


async def test_an_event_that_is_decided_is_not_exhausted_by_its_repetition(store: Store) -> None:
    await store.decisions.decide(an_approval(budget=a_budget(daily_limit=1)))

    assert await store.decisions.decide(an_approval(budget=a_budget(daily_limit=1))) == standing(
        "approved", fresh=False
    )


async def test_a_refusal_uses_nothing_up(store: Store) -> None:
    await store.decisions.decide(a_refusal())

    assert await usage(store) == Usage()


async def test_what_an_approval_used_up_is_given_back_once(store: Store, other: Store) -> None:
    await store.decisions.decide(an_approval("event-1"))
    await store.decisions.decide(an_approval("event-2"))

    released = await asyncio.gather(*((store, other)[n % 2].decisions.release("event-1", after(1)) for n in range(20)))

    used = await usage(store)
    assert released.count(True) == 1
    assert (used.day, used.month) == (1, 1)


async def test_a_release_frees_room_under_the_limit(store: Store) -> None:
    budget = a_budget(daily_limit=1)
    await store.decisions.decide(an_approval("event-1", budget=budget))
    await store.decisions.release("event-1", NOW)

    assert await store.decisions.decide(an_approval("event-2", budget=budget)) == standing("approved", fresh=True)
    assert await store.decisions.decide(an_approval("event-1", budget=budget)) == standing("approved", fresh=False)


async def test_nothing_is_given_back_for_what_used_nothing_up(store: Store) -> None:
    await store.decisions.decide(an_approval("event-1"))
    await store.decisions.decide(a_refusal("event-2"))

    assert not await store.decisions.release("event-2", NOW)
    assert not await store.decisions.release("never decided", NOW)
    assert (await usage(store)).day == 1


async def test_a_release_returns_the_quota_of_the_day_that_was_used(store: Store) -> None:
    await store.decisions.decide(an_approval("event-1"))
    tomorrow = a_facts_query(day="2026-11-24")

    await store.decisions.release("event-1", after(DAYS))

    assert (await store.decisions.facts(tomorrow)).usage.day == 0
    assert (await usage(store)).day == 0


async def approve(store: Store, count: int, now: datetime, start: int = 0) -> None:
    for number in range(start, start + count):
        await store.decisions.decide(an_approval(f"event-{now.isoformat()}-{number}", now=now))


async def test_the_ten_minute_count_begins_anew_with_the_clocks_ten_minutes(store: Store) -> None:
    await approve(store, 3, TEN_PAST)
    await approve(store, 2, TEN_PAST.replace(minute=19, second=59))

    within = await usage(store, TEN_PAST.replace(minute=19, second=59))
    next_ten = await usage(store, TEN_PAST.replace(minute=20))

    assert within == Usage(day=5, month=5, ten_minutes=5, normal=0.0)
    assert next_ten.ten_minutes == 0
    assert next_ten.normal == pytest.approx(0.2 * 5)


async def test_the_accounts_normal_moves_with_closed_ten_minutes_that_had_messages(store: Store, other: Store) -> None:
    await approve(store, 10, TEN_PAST)
    await approve(other, 5, TEN_PAST.replace(minute=20))

    quiet_hour_later = await usage(store, TEN_PAST.replace(hour=11))

    assert (await usage(other, TEN_PAST.replace(minute=20))).normal == pytest.approx(2.0)
    assert quiet_hour_later.normal == pytest.approx(0.8 * 2.0 + 0.2 * 5)


async def test_a_lagging_clock_does_not_close_the_running_ten_minutes(store: Store) -> None:
    await approve(store, 2, TEN_PAST.replace(minute=20))

    await approve(store, 1, TEN_PAST.replace(minute=19))

    assert (await usage(store, TEN_PAST.replace(minute=20))).ten_minutes == 3


async def test_a_decision_stands_for_eight_days_under_later_ones(store: Store) -> None:
    await store.decisions.decide(an_approval("old"))
    for number in range(600):
        await store.decisions.decide(a_refusal(f"later-{number}", now=after(8 * DAYS - 60)))

    assert (await store.decisions.facts(a_facts_query("old"))).decision == a_decision("approved")
    assert await store.decisions.release("old", after(8 * DAYS - 60))


async def test_a_decision_outlives_its_process(store: Store, store_url: str) -> None:
    await store.decisions.decide(an_approval())
    await store.close()

    reopened = await open_store(store_url)
    again = await reopened.decisions.decide(a_refusal())
    used = await usage(reopened)
    await reopened.close()

    assert again == standing("approved", fresh=False)
    assert used.day == 1
