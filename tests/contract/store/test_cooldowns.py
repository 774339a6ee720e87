"""The contract of `Decisions.decide` about cooldowns, on every adapter."""

import asyncio

import pytest

from libs.store.decisions import CoolingDown, Limit, QuotaExhausted, StandingDecision
from libs.store.store import Store
from tests.contract.store.builders import (
    NOW,
    a_budget,
    a_cooldown,
    a_decision,
    a_facts_query,
    a_refusal,
    after,
    an_approval,
    standing,
)

FIFTEEN = a_cooldown(seconds=900)


async def test_a_second_event_within_the_cooldown_learns_when_it_ends(store: Store, other: Store) -> None:
    await store.decisions.decide(an_approval("event-1", cooldown=FIFTEEN))

    answer = await other.decisions.decide(an_approval("event-2", cooldown=FIFTEEN, now=after(899)))

    facts = await store.decisions.facts(a_facts_query("event-2", now=after(899)))
    assert answer == CoolingDown(until=after(900))
    assert facts.decision is None
    assert facts.usage.day == 1


async def test_the_owner_is_never_refused_by_itself(store: Store, other: Store) -> None:
    await store.decisions.decide(an_approval("event-1", decision=a_decision("first"), cooldown=FIFTEEN))

    again = await other.decisions.decide(an_approval("event-1", decision=a_decision("again"), cooldown=FIFTEEN))

    assert again == standing("first", fresh=False)


async def test_the_owner_is_not_refused_by_a_later_cooldown_either(store: Store) -> None:
    await store.decisions.decide(an_approval("event-1", cooldown=FIFTEEN))
    await store.decisions.decide(an_approval("event-2", cooldown=FIFTEEN, now=after(901)))

    assert await store.decisions.decide(an_approval("event-1", cooldown=FIFTEEN)) == standing("approved", fresh=False)


async def test_when_the_cooldown_is_over_the_next_event_begins_one(store: Store) -> None:
    await store.decisions.decide(an_approval("event-1", cooldown=FIFTEEN))

    second = await store.decisions.decide(an_approval("event-2", cooldown=FIFTEEN, now=after(900)))
    third = await store.decisions.decide(an_approval("event-3", cooldown=FIFTEEN, now=after(1000)))

    assert second == standing("approved", fresh=True)
    assert third == CoolingDown(until=after(1800))


@pytest.mark.parametrize(
    "different",
    [
        pytest.param({"owner_id": "int-2"}, id="another integration"),
        pytest.param({"event_type": "voicemail"}, id="another kind of event"),
        pytest.param({"customer_key": "customer-2"}, id="another customer"),
    ],
)
async def test_a_cooldown_is_of_one_integration_event_type_and_customer(
    store: Store, different: dict[str, str]
) -> None:
    await store.decisions.decide(an_approval("event-1", cooldown=FIFTEEN))

    answer = await store.decisions.decide(an_approval("event-2", cooldown=a_cooldown(**different)))

    assert answer == standing("approved", fresh=True)


async def test_of_fifty_simultaneous_events_one_is_approved(store: Store, other: Store) -> None:
    answers = await asyncio.gather(
        *((store, other)[n % 2].decisions.decide(an_approval(f"event-{n}", cooldown=FIFTEEN)) for n in range(50))
    )

    assert sum(isinstance(answer, StandingDecision) for answer in answers) == 1
    assert answers.count(CoolingDown(until=after(900))) == 49
    assert (await store.decisions.facts(a_facts_query("nobody"))).usage.day == 1


async def test_a_cooldown_is_given_back_with_the_message_that_surely_failed(store: Store, other: Store) -> None:
    await store.decisions.decide(an_approval("event-1", cooldown=FIFTEEN))
    await store.decisions.release("event-1", after(1))

    second = await other.decisions.decide(an_approval("event-2", cooldown=FIFTEEN, now=after(2)))
    third = await other.decisions.decide(an_approval("event-3", cooldown=FIFTEEN, now=after(3)))

    assert second == standing("approved", fresh=True)
    assert third == CoolingDown(until=after(902))


async def test_a_late_release_does_not_end_another_events_cooldown(store: Store) -> None:
    await store.decisions.decide(an_approval("event-1", cooldown=FIFTEEN))
    await store.decisions.decide(an_approval("event-2", cooldown=FIFTEEN, now=after(900)))
    await store.decisions.release("event-1", after(901))

    answer = await store.decisions.decide(an_approval("event-3", cooldown=FIFTEEN, now=after(902)))

    assert answer == CoolingDown(until=after(1800))


async def test_a_refusal_and_a_withdrawal_leave_no_cooldown(store: Store) -> None:
    await store.decisions.decide(a_refusal("event-1"))
    await store.decisions.decide(an_approval("event-1", cooldown=FIFTEEN))

    assert await store.decisions.decide(an_approval("event-2", cooldown=FIFTEEN)) == standing("approved", fresh=True)


async def test_an_exhausted_event_leaves_no_cooldown_once_it_is_refused(store: Store) -> None:
    none_left = a_budget(daily_limit=0)
    exhausted = await store.decisions.decide(an_approval("event-1", budget=none_left, cooldown=FIFTEEN))
    await store.decisions.decide(a_refusal("event-1"))

    second = await store.decisions.decide(an_approval("event-2", cooldown=FIFTEEN, now=NOW))

    assert exhausted == QuotaExhausted(Limit.DAILY, 0)
    assert second == standing("approved", fresh=True)


async def test_whose_cooldown_runs_can_be_asked_without_taking_it(store: Store, other: Store) -> None:
    free = await store.decisions.cooling_down(FIFTEEN, NOW)
    await store.decisions.decide(an_approval("event-1", cooldown=FIFTEEN))

    runs = await other.decisions.cooling_down(FIFTEEN, after(60))
    over = await other.decisions.cooling_down(FIFTEEN, after(FIFTEEN.seconds))
    await store.decisions.release("event-1", after(61))

    assert free is None
    assert runs == CoolingDown(after(FIFTEEN.seconds))
    assert over is None
    assert await other.decisions.cooling_down(FIFTEEN, after(62)) is None


DAY = 86_400
MONTH = a_cooldown(owner_id="acc-1", event_type="request_contact_info", seconds=30 * DAY)


async def test_a_cooldown_of_thirty_days_outlives_short_ones_and_their_cleanup(store: Store, other: Store) -> None:
    await store.decisions.decide(an_approval("month", cooldown=MONTH))
    for number in range(130):  # more than two cleanups of SQLite
        short = a_cooldown(customer_key=f"customer-{number}")
        await store.decisions.decide(an_approval(f"event-{number}", cooldown=short, now=after(20 * DAY)))

    early = await other.decisions.decide(an_approval("early", cooldown=MONTH, now=after(30 * DAY - 1)))
    late = await other.decisions.decide(an_approval("late", cooldown=MONTH, now=after(30 * DAY)))

    assert early == CoolingDown(until=after(30 * DAY))
    assert isinstance(late, StandingDecision)


async def test_of_two_requests_at_once_one_is_approved(store: Store, other: Store) -> None:
    asked = [(store, other)[n % 2].decisions.decide(an_approval(f"event-{n}", cooldown=MONTH)) for n in range(20)]

    answers = await asyncio.gather(*asked)

    assert sum(isinstance(each, StandingDecision) for each in answers) == 1
