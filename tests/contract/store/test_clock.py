"""A clock set back by an hour makes nobody wait longer than the wait's own span; one set forward repeats nothing.

Each case stores something, and then looks at it with a clock that differs.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from libs.store.claim_rules import LONGEST_LEASE, MAX_ORDER_WAIT
from libs.store.decisions import CoolingDown, StandingDecision
from libs.store.forwards import DeliveryInProgress, Started
from libs.store.ledger import Blocked, Claimed, ClaimInProgress, Finished, LeaseExpired, Pace, RateLimited
from libs.store.restriction_effects import LONGEST_TRIAL
from libs.store.restrictions import RestrictionKind
from libs.store.store import Store
from tests.contract.store.builders import (
    NOW,
    UNPACED,
    a_claim,
    a_cooldown,
    a_facts_query,
    a_restriction,
    after,
    an_approval,
)
from tests.contract.store.test_forwards import a_forward

HOUR = timedelta(hours=1)
BACK, FORWARD = NOW - HOUR, NOW + HOUR
PACED = Pace(number_rate=10.0, number_burst=1, pair_interval=6.0, pair_burst=2, max_wait=1.0)


@pytest.mark.parametrize("times", [1, 5])
async def test_a_number_and_a_pair_send_at_once_after_the_clock_was_set_back(store: Store, times: int) -> None:
    for n in range(times):
        await store.ledger.claim(a_claim(f"event-{n}", pace=PACED))

    granted = [await store.ledger.claim(a_claim(f"later-{n}", now=BACK, pace=PACED)) for n in range(3)]

    assert granted[0] == Claimed(0.0, 1)
    assert isinstance(granted[1], Claimed)
    assert isinstance(granted[2], RateLimited)  # the pace holds by the new clock


@pytest.mark.parametrize(("scope", "key"), [("number", "num-1"), ("pair", "num-1:customer-1"), ("app", "app")])
@pytest.mark.parametrize("seconds", [10, 60, 3600])
async def test_a_hold_ends_when_the_clock_is_set_back(store: Store, scope: str, key: str, seconds: int) -> None:
    await store.pacing.hold(scope=scope, key=key, until=after(seconds), now=NOW, slow_down=0.5)

    held = await store.ledger.claim(a_claim("held", pace=PACED))
    granted = await store.ledger.claim(a_claim("event-1", now=BACK, pace=PACED))

    assert isinstance(held, RateLimited)
    assert granted == Claimed(0.0, 1)


async def test_a_slowed_number_recovers_by_the_new_clock(store: Store) -> None:
    pace = Pace(number_rate=1.0, number_burst=1, pair_interval=1e-6, pair_burst=1000, max_wait=60.0)
    await store.pacing.hold(scope="number", key="num-1", until=NOW, now=NOW, slow_down=0.1)

    await store.ledger.claim(a_claim("event-1", now=BACK, pace=pace))  # brings it back
    recovered = BACK + timedelta(minutes=11)
    waits = [await store.ledger.claim(a_claim(f"later-{n}", now=recovered, pace=pace)) for n in range(2)]

    assert waits[1] == Claimed(pytest.approx(1.0, abs=0.01), 1)  # type: ignore[arg-type]


async def test_a_new_hold_counts_by_the_new_clock(store: Store) -> None:
    await store.pacing.hold(scope="number", key="num-1", until=after(60), now=NOW)
    await store.pacing.hold(scope="number", key="num-1", until=BACK + timedelta(seconds=30), now=BACK)

    answer = await store.ledger.claim(a_claim("event-1", now=BACK, pace=PACED))

    assert answer == RateLimited(pytest.approx(30.0), "number")  # type: ignore[arg-type]


@pytest.mark.parametrize("now", [BACK, FORWARD], ids=["set back", "set forward"])
async def test_a_call_in_progress_is_never_repeated_whatever_the_clock_says(store: Store, now: datetime) -> None:
    await store.ledger.claim(a_claim("event-1", pace=UNPACED))

    other = await store.ledger.claim(a_claim("event-1", owner="sender-2", now=now, pace=UNPACED))
    same = await store.ledger.claim(a_claim("event-1", now=now, pace=UNPACED))
    ended = await store.ledger.finish("event-1", b"unknown", now=now, owner="sender-2")

    assert other == same == LeaseExpired(1)
    assert ended == Finished(b"unknown")


async def test_a_lease_of_the_longest_length_stands_between_clocks_that_differ_a_little(store: Store) -> None:
    long = replace(a_claim("event-1", pace=UNPACED), lease_seconds=LONGEST_LEASE.total_seconds())
    await store.ledger.claim(long)

    answer = await store.ledger.claim(a_claim("event-1", owner="sender-2", now=after(-10), pace=UNPACED))

    assert isinstance(answer, ClaimInProgress)


async def test_a_message_that_waits_for_another_try_is_free_after_the_clock_was_set_back(store: Store) -> None:
    await store.ledger.claim(a_claim("event-1", pace=UNPACED))
    await store.ledger.mark_not_sent("event-1", owner="sender-1", until=after(5))

    waiting = await store.ledger.claim(a_claim("event-1", owner="sender-2", pace=UNPACED))
    granted = await store.ledger.claim(a_claim("event-1", owner="sender-2", now=BACK, pace=UNPACED))

    assert isinstance(waiting, ClaimInProgress)
    assert granted == Claimed(0.0, 2)


@pytest.mark.parametrize("retried", [False, True])
async def test_an_earlier_message_blocks_no_longer_than_its_span(store: Store, *, retried: bool) -> None:
    await store.ledger.claim(a_claim("first", pace=UNPACED))
    if retried:
        await store.ledger.mark_not_sent("first", owner="sender-1", until=after(5))

    answer = await store.ledger.claim(a_claim("second", now=BACK, after="first", pace=UNPACED))

    if retried:
        assert answer == Blocked(BACK + MAX_ORDER_WAIT)
    else:
        assert answer == Claimed(0.0, 1)


async def test_a_forward_is_tried_again_by_another_sender_after_the_clock_was_set_back(store: Store) -> None:
    lease = timedelta(seconds=20)
    await store.forwards.start(a_forward(), owner="sender-1", now=NOW, lease=lease)

    running = await store.forwards.start(a_forward(), owner="sender-2", now=NOW, lease=lease)
    taken = await store.forwards.start(a_forward(), owner="sender-2", now=BACK, lease=lease)
    again = await store.forwards.start(a_forward(), owner="sender-3", now=BACK, lease=lease)

    assert running == DeliveryInProgress(NOW + lease)
    assert taken == Started()
    assert again == DeliveryInProgress(BACK + lease)


@pytest.mark.parametrize("seconds", [60, 86_400])
async def test_a_cooldown_from_the_future_is_over(store: Store, seconds: int) -> None:
    cooldown = a_cooldown(seconds=seconds)
    await store.decisions.decide(replace(an_approval("first"), cooldown=cooldown))

    asked = await store.decisions.cooling_down(cooldown, BACK)
    result = await store.decisions.decide(replace(an_approval("second", now=BACK), cooldown=cooldown))
    third = await store.decisions.decide(replace(an_approval("third", now=BACK), cooldown=cooldown))

    assert asked is None
    assert isinstance(result, StandingDecision)
    assert third == CoolingDown(BACK + timedelta(seconds=seconds))


async def test_an_event_that_was_delayed_for_an_hour_does_not_end_a_cooldown(store: Store) -> None:
    cooldown = a_cooldown(seconds=7200)
    await store.decisions.decide(replace(an_approval("first"), cooldown=cooldown))

    delayed = replace(an_approval("delayed", now=BACK), cooldown=cooldown, clock=NOW)

    assert await store.decisions.decide(delayed) == CoolingDown(after(7200))


async def test_the_approval_rate_counts_from_the_new_clocks_slot_on(store: Store) -> None:
    for n in range(5):
        await store.decisions.decide(an_approval(f"before-{n}"))

    for n in range(2):
        await store.decisions.decide(an_approval(f"after-{n}", now=BACK))
    facts = await store.decisions.facts(replace(a_facts_query(), now=BACK))

    assert (facts.usage.ten_minutes, facts.usage.normal) == (2, 1.0)


async def test_a_delayed_event_adds_to_the_newest_count(store: Store) -> None:
    for n in range(5):
        await store.decisions.decide(an_approval(f"before-{n}"))

    await store.decisions.decide(replace(an_approval("delayed", now=BACK), clock=NOW))
    facts = await store.decisions.facts(a_facts_query())

    assert facts.usage.ten_minutes == 6


@pytest.mark.parametrize("seconds", [60.0, 900.0])
async def test_a_jobs_lease_from_the_future_is_free(store: Store, seconds: float) -> None:
    await store.job_leases.acquire("job", owner="a", now=NOW, lease_seconds=seconds)

    held = await store.job_leases.acquire("job", owner="b", now=after(-10), lease_seconds=seconds)
    free = await store.job_leases.acquire("job", owner="b", now=BACK, lease_seconds=seconds)
    again = await store.job_leases.acquire("job", owner="c", now=BACK, lease_seconds=seconds)

    assert [held, free, again] == [False, True, False]


async def test_a_look_at_a_lease_at_an_older_time_does_not_take_it(store: Store) -> None:
    await store.job_leases.acquire("note", owner="probe", now=NOW, lease_seconds=900)

    looks = [await store.job_leases.acquire("note", owner="refusal", now=now, lease_seconds=0.0) for now in (BACK, NOW)]

    assert looks == [False, False]


async def test_a_trial_waits_no_longer_than_its_span(store: Store) -> None:
    span = HOUR
    restriction = a_restriction(kind=RestrictionKind.REGISTRATION, probe_at=NOW + span)
    await store.restrictions.add(restriction, [])

    early = await store.restrictions.claim_probe(restriction, now=NOW, next_at=NOW + span)
    due = await store.restrictions.claim_probe(restriction, now=BACK, next_at=BACK + span)
    again = await store.restrictions.claim_probe(restriction, now=BACK, next_at=BACK + span)

    assert [early, due, again] == [False, True, False]
    assert span <= LONGEST_TRIAL


async def test_the_erasure_of_a_person_waits_for_no_call_of_the_future(store: Store) -> None:
    await store.ledger.claim(a_claim("event-1", pace=UNPACED))
    await store.forwards.start(a_forward(customer_key="customer-1"), owner="s", now=NOW, lease=timedelta(seconds=20))

    running = await store.personal_data.in_flight("acc-1", ["customer-1"], NOW)
    over = await store.personal_data.in_flight("acc-1", ["customer-1"], BACK)

    assert (running, over) == (True, False)
