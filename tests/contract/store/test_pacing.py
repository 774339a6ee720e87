"""The contract of `Ledger` and `Pacing`, on every adapter."""

import asyncio
import random
import sys
from asyncio.subprocess import PIPE
from datetime import datetime, timedelta

import pytest

from libs.contracts.send_rates import bucket_key
from libs.store.claim_rules import Bucket, bucket_after_hold, bucket_id, bucket_ids, slots_for
from libs.store.ledger import Claim, ClaimAnswer, Claimed, ClaimInProgress, Pace, RateLimited
from libs.store.store import Store
from tests.contract.store.builders import NOW, a_claim, after
from tests.contract.store.empty import open_empty

SLOW_PAIR = Pace(number_rate=1e6, number_burst=1_000_000, pair_interval=6.0, pair_burst=3)
SLOW_NUMBER = Pace(number_rate=10.0, number_burst=5, pair_interval=1e-6, pair_burst=1_000_000)


async def claims(store: Store, count: int, pace: Pace, *, now: datetime = NOW, prefix: str = "e") -> list[ClaimAnswer]:
    return [await store.ledger.claim(a_claim(f"{prefix}-{n}", pace=pace, now=now)) for n in range(count)]


def about(answer: ClaimAnswer) -> ClaimAnswer:
    """The answer with its seconds rounded to hundredths."""
    if isinstance(answer, RateLimited):
        return RateLimited(round(answer.retry_after, 2), answer.scope)
    return Claimed(round(answer.wait, 2), answer.attempt) if isinstance(answer, Claimed) else answer


async def test_a_pair_goes_at_once_for_its_burst_and_then_waits(store: Store) -> None:
    answers = await claims(store, 4, SLOW_PAIR)

    assert answers[:3] == [Claimed(0.0, 1)] * 3
    assert about(answers[3]) == RateLimited(6.0, "pair")


async def test_what_was_too_fast_used_nothing_up_and_goes_when_its_time_has_come(store: Store) -> None:
    await claims(store, 3, SLOW_PAIR)
    refused = [await store.ledger.claim(a_claim("late", pace=SLOW_PAIR)) for _ in range(5)]

    answer = await store.ledger.claim(a_claim("late", pace=SLOW_PAIR, now=after(6.01)))

    assert [about(one) for one in refused] == [RateLimited(6.0, "pair")] * 5
    assert answer == Claimed(0.0, 1)


async def test_a_short_wait_is_claimed_and_lengthens_the_lease(store: Store) -> None:
    await claims(store, 3, SLOW_PAIR)
    now = after(4.5)

    answer = await store.ledger.claim(a_claim("soon", pace=SLOW_PAIR, now=now, lease_seconds=20))

    held = await store.ledger.claim(a_claim("soon", pace=SLOW_PAIR, now=after(4.5 + 21)))
    assert isinstance(answer, Claimed)
    assert answer.wait == pytest.approx(1.5, abs=1e-3)
    assert isinstance(held, ClaimInProgress)


async def test_another_customer_does_not_wait_for_the_first(store: Store) -> None:
    await claims(store, 3, SLOW_PAIR)

    answer = await store.ledger.claim(a_claim("another", customer_key="customer-2", pace=SLOW_PAIR))

    assert answer == Claimed(0.0, 1)


async def test_a_number_spreads_what_goes_beyond_its_burst(store: Store) -> None:
    answers = await claims(store, 8, SLOW_NUMBER)

    waits = [answer.wait for answer in answers if isinstance(answer, Claimed)]
    assert waits == pytest.approx([0, 0, 0, 0, 0, 0.1, 0.2, 0.3], abs=1e-3)


async def test_a_number_that_is_far_behind_is_too_fast(store: Store) -> None:
    answers = await claims(store, 30, SLOW_NUMBER)

    too_fast = [answer for answer in answers if isinstance(answer, RateLimited)]
    assert sum(isinstance(answer, Claimed) for answer in answers) == 25
    assert [about(one) for one in too_fast] == [RateLimited(2.1, "number")] * 5


async def test_two_processes_share_one_pace(store: Store, other: Store) -> None:
    pace = Pace(number_rate=10.0, number_burst=5, pair_interval=1e-6, pair_burst=1_000_000, max_wait=0.0)

    answers = await asyncio.gather(
        *((store, other)[n % 2].ledger.claim(a_claim(f"event-{n}", pace=pace)) for n in range(60))
    )

    assert sum(isinstance(answer, Claimed) for answer in answers) == 5


@pytest.mark.parametrize("scope", ["number", "pair", "waba", "app"])
async def test_nothing_goes_from_a_held_scope_until_its_time(store: Store, other: Store, scope: str) -> None:
    key = bucket_key(scope, number_id="num-1", customer_key="customer-1", business_account_id="waba-1")
    await store.pacing.hold(scope=scope, key=key, until=after(30), now=NOW)
    await store.pacing.hold(scope=scope, key=key, until=after(10), now=NOW)

    held = await other.ledger.claim(a_claim(business_account_id="waba-1"))
    soon = await other.ledger.claim(a_claim(business_account_id="waba-1", now=after(29)))

    assert about(held) == RateLimited(30.0, scope)
    assert about(soon) == Claimed(1.0, 1)


@pytest.mark.parametrize(
    ("scope", "key"), [("number", "num-2"), ("pair", "num-1:customer-2"), ("waba", "waba-2"), ("app", "another")]
)
async def test_a_hold_stops_nothing_else(store: Store, scope: str, key: str) -> None:
    await store.pacing.hold(scope=scope, key=key, until=after(30), now=NOW)

    assert await store.ledger.claim(a_claim()) == Claimed(0.0, 1)


async def test_a_slowed_number_goes_slower_and_recovers_a_tenth_a_minute(store: Store) -> None:
    async def seconds_a_message(customer: str, now: datetime) -> float:
        pace = Pace(number_rate=1.0, number_burst=1, pair_interval=1e-6, pair_burst=1_000_000, max_wait=60)
        first, second = [
            await store.ledger.claim(a_claim(f"{customer}-{n}", customer_key=customer, pace=pace, now=now))
            for n in range(2)
        ]
        assert isinstance(first, Claimed)
        assert isinstance(second, Claimed)
        return second.wait - first.wait

    await store.pacing.hold(scope="number", key="num-1", until=NOW, now=NOW, slow_down=0.5)

    assert await seconds_a_message("now", NOW) == pytest.approx(1 / 0.5, rel=1e-2)
    assert await seconds_a_message("later", after(120)) == pytest.approx(1 / 0.7, rel=1e-2)
    assert await seconds_a_message("recovered", after(600)) == pytest.approx(1.0, rel=1e-2)


async def test_slowing_down_twice_multiplies(store: Store) -> None:
    pace = Pace(number_rate=1.0, number_burst=1, pair_interval=1e-6, pair_burst=1_000_000, max_wait=60)
    for _ in range(2):
        await store.pacing.hold(scope="number", key="num-1", until=NOW, now=NOW, slow_down=0.5)

    answers = await claims(store, 2, pace)

    assert about(answers[1]) == Claimed(4.0, 1)


async def test_a_claim_that_waited_for_the_database_is_judged_when_it_takes_its_slots(store: Store) -> None:
    pace = Pace(number_rate=1.0, number_burst=1, pair_interval=1e-6, pair_burst=1_000_000, max_wait=2.0)
    before = await claims(store, 3, pace)

    stale = await store.ledger.claim(a_claim("late", pace=pace))
    waited = await store.ledger.claim(a_claim("late", pace=pace, clock=lambda: after(1.5)))

    leased = await store.ledger.claim(a_claim("late", pace=pace, now=after(22)))
    assert [about(answer) for answer in before] == [Claimed(0.0, 1), Claimed(1.0, 1), Claimed(2.0, 1)]
    assert about(stale) == RateLimited(3.0, "number")
    assert about(waited) == Claimed(1.5, 1)
    assert isinstance(leased, ClaimInProgress)


async def test_a_hundred_claims_of_one_number_at_once_in_two_processes_all_get_slots(store_url: str) -> None:
    program = (sys.executable, "-m", "tests.contract.store.claiming")
    await (await open_empty(store_url)).close()
    processes = [
        await asyncio.create_subprocess_exec(*program, store_url, name, "50", stdin=PIPE, stdout=PIPE)
        for name in ("one", "two")
    ]
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"

    told = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))

    assert [int(out.split()[0]) for out, _ in told] == [50, 50]


SCOPE_KEYS = [("number", "num-1"), ("number", "num-2"), ("waba", "waba-1"), ("app", "app")]
SCOPE_KEYS += [("pair", f"num-1:customer-{n}") for n in range(3)]


class Model:
    """What `libs.store.claim_rules` says, without a database."""

    def __init__(self) -> None:
        self.buckets: dict[str, Bucket] = {}

    def claim(self, claim: Claim) -> float | tuple[float, str]:
        slots = slots_for(claim, self.buckets, at=claim.now)
        if isinstance(slots, RateLimited):
            return slots.retry_after, slots.scope
        self.buckets |= dict(zip(bucket_ids(claim), slots.buckets, strict=False))
        return slots.wait

    def hold(self, scope: str, key: str, until: datetime, slow_down: float, now: datetime) -> None:
        name = bucket_id(scope, key)
        before = self.buckets.get(name, Bucket())
        self.buckets[name] = bucket_after_hold(before, until.timestamp(), slow_down, now=now.timestamp())


@pytest.mark.parametrize("seed", range(3))
async def test_every_store_gives_the_slots_that_the_rules_give(store: Store, seed: int) -> None:
    chance, model, at = random.Random(seed), Model(), 0.0
    for n in range(60):
        at += chance.choice([0.0, 0.01, 0.3, 2.0, 9.0, 70.0]) if chance.random() > 0.05 else -3_600.0
        now = after(at)
        if chance.random() < 0.2:
            (scope, key), slow_down = chance.choice(SCOPE_KEYS), chance.choice([1.0, 0.5, 0.1])
            until = now + timedelta(seconds=chance.choice([0.5, 3.0, 40.0]))
            model.hold(scope, key, until, slow_down, now)
            await store.pacing.hold(scope=scope, key=key, until=until, now=now, slow_down=slow_down)
            continue
        pace = Pace(
            number_rate=chance.choice([2.0, 80.0]), number_burst=2, pair_interval=6.0, pair_burst=2, max_wait=3.0
        )
        customer, number = f"customer-{chance.randrange(3)}", chance.choice(["num-1", "num-2"])
        claim = a_claim(
            f"e-{n}", customer_key=customer, number_id=number, business_account_id="waba-1", pace=pace, now=now
        )

        answer = await store.ledger.claim(claim)

        expected = model.claim(claim)
        if isinstance(expected, tuple):
            assert isinstance(answer, RateLimited)
            assert answer.retry_after == pytest.approx(expected[0], abs=1e-3)
            assert answer.scope == expected[1]
        else:
            assert isinstance(answer, Claimed)
            assert answer.wait == pytest.approx(expected, abs=1e-3)
