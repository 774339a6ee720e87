"""A process dies, or pauses, while it claims a call on MongoDB: one owner, one slot, one outcome."""

from functools import partial
from typing import Any

import pytest

from libs.store.ledger import Claimed, ClaimInProgress, Finished, Pace, RateLimited
from libs.store.mongo.buckets import MongoPacing
from libs.store.mongo.ledger import MongoLedger
from tests.contract.store.builders import (
    NOW,
    UNPACED,
    a_claim,
    after,
)
from tests.contract.store.mongo_deaths import BEFORE_AND_AFTER, MOST_CALLS, Watched, dying, mongo, overtaken, survives

__all__ = ["mongo"]


@pytest.mark.parametrize("first", [False, True], ids=["after a look", "at once"])
@BEFORE_AND_AFTER
async def test_a_claimant_that_died_leaves_a_claim_or_none(mongo: Any, *, reached: bool, first: bool) -> None:
    living = MongoLedger(mongo)
    for at in range(1, MOST_CALLS):
        event = f"event-{at}"
        dead = MongoLedger(dying(mongo, at, reached=reached))
        through = await survives(partial(dead.claim, a_claim(event, owner="dead", lease_seconds=60, first=first)))

        heir = await living.claim(a_claim(event, now=after(10)))

        entry = await mongo["ledger"].find_one({"_id": event})
        if entry["owner"] == "dead":
            assert heir == ClaimInProgress(after(60))
        else:
            assert heir == Claimed(0.0, 1)
        if through:
            return
    pytest.fail("it never got through")


async def test_a_claimant_that_pauses_for_too_long_does_not_get_the_call(mongo: Any) -> None:
    for at in range(1, MOST_CALLS):
        event = f"event-{at}"
        answers: list[Any] = []
        await mongo.drop_collection("buckets")  # the heir's time is not the slow one's

        async def claim_it(event: str = event, answers: list[Any] = answers) -> None:
            answers.append(await MongoLedger(mongo).claim(a_claim(event, owner="heir", now=after(60))))

        own = await MongoLedger(overtaken(mongo, at, claim_it)).claim(a_claim(event, owner="slow"))

        assert [type(answer) for answer in (own, *answers)].count(Claimed) == 1
        if not answers:
            return
    pytest.fail("it never got through")


async def test_a_call_is_its_owners_even_when_an_heir_died_before_it_got_it(mongo: Any) -> None:
    for at in range(1, MOST_CALLS):
        event = f"event-{at}"
        paused: list[None] = []
        await mongo.drop_collection("buckets")  # the heir's time is not the slow one's

        async def hold_and_die(event: str = event, paused: list[None] = paused) -> None:
            heir = MongoLedger(dying(mongo, 2, reached=False))
            await survives(partial(heir.claim, a_claim(event, owner="heir", now=after(60))))
            paused.append(None)

        own = await MongoLedger(overtaken(mongo, at, hold_and_die)).claim(a_claim(event, owner="slow"))

        entry = await mongo["ledger"].find_one({"_id": event})
        assert isinstance(own, Claimed) == (entry["state"] == "calling")
        assert entry["owner"] == ("slow" if isinstance(own, Claimed) else "heir")
        if not paused:
            return
    pytest.fail("it never got through")


async def test_deliveries_that_pass_each_other_are_given_one_slot_and_neither_is_too_fast(mongo: Any) -> None:
    pace = Pace(number_rate=1e6, number_burst=1_000_000, pair_interval=600.0, pair_burst=1, max_wait=1.0)
    for at in range(1, MOST_CALLS):
        for name in ("ledger", "buckets"):
            await mongo.drop_collection(name)
        overtaking: list[Any] = []

        async def overtake(overtaking: list[Any] = overtaking) -> None:
            overtaking.append(await MongoLedger(mongo).claim(a_claim(owner="twin", pace=pace, now=after(4))))

        own = await MongoLedger(overtaken(mongo, at, overtake)).claim(a_claim(pace=pace))

        answers = sorted(type(answer).__name__ for answer in (own, *overtaking))
        if not overtaking:
            assert answers == ["Claimed"]
            return
        assert answers == ["ClaimInProgress", "Claimed"]
    pytest.fail("it never got through")


async def test_a_slot_is_its_events_for_some_seconds_and_not_by_a_clock_that_was_set_back(mongo: Any) -> None:
    pace = Pace(number_rate=1.0, number_burst=1, pair_interval=1e-6, pair_burst=1_000_000, max_wait=2.0)
    await MongoLedger(mongo).claim(a_claim("earlier", pace=pace))

    async def wait_of(seconds: float) -> float:
        dead = MongoLedger(dying(mongo, 2, reached=False))
        await survives(partial(dead.claim, a_claim(pace=pace, now=after(seconds))))
        return round(float((await mongo["buckets"].find_one({"_id": "number:num-1"}))["waits"][0]), 2)

    assert [await wait_of(seconds) for seconds in (0.0, 0.25, 3.0)] == [1.0, 0.75, 0.0]
    tat = (await mongo["buckets"].find_one({"_id": "number:num-1"}))["tat"]
    await wait_of(-3600.0)
    again = (await mongo["buckets"].find_one({"_id": "number:num-1"}))["tat"]
    assert (tat, again) == (after(2.0).timestamp(), after(-3600.0 + 1.0).timestamp())
    await wait_of(7.0)
    assert (await mongo["buckets"].find_one({"_id": "number:num-1"}))["tat"] == after(8.0).timestamp()


async def test_what_becomes_too_fast_while_it_is_claimed_uses_nothing_up(mongo: Any) -> None:
    pace = Pace(number_rate=1.0, number_burst=1, pair_interval=6.0, pair_burst=1, max_wait=0.5)
    for at in range(1, MOST_CALLS):
        for name in ("ledger", "buckets"):
            await mongo.drop_collection(name)
        overtaking: list[Any] = []

        async def overtake(overtaking: list[Any] = overtaking) -> None:
            faster = a_claim("faster", customer_key="customer-2", pace=pace)
            overtaking.append(await MongoLedger(mongo).claim(faster))

        own = await MongoLedger(overtaken(mongo, at, overtake)).claim(a_claim("slower", pace=pace))

        if not overtaking:
            assert isinstance(own, Claimed)
            return
        assert [type(answer) for answer in (own, *overtaking)].count(Claimed) == 1
        if isinstance(own, RateLimited):
            same_pair = a_claim("third", now=after(1), pace=pace)
            assert await MongoLedger(mongo).claim(same_pair) == Claimed(0.0, 1)
    pytest.fail("it never got through")


async def test_a_claim_that_others_overtake_at_each_of_its_steps_gets_its_slot(mongo: Any) -> None:
    pace, faster = Pace(number_rate=80.0, number_burst=8, pair_burst=1_000), MongoLedger(mongo)
    overtaking: list[Any] = []

    async def overtake(_: int, done: bool) -> None:  # noqa: FBT001 -- a hook's words
        if not done:
            customer = f"customer-of-{len(overtaking)}"
            overtaking.append(await faster.claim(a_claim(customer, customer_key=customer, pace=pace)))

    own = await MongoLedger(Watched(mongo, overtake)).claim(a_claim("slower", pace=pace))

    assert [type(answer) for answer in (own, *overtaking)] == [Claimed] * (len(overtaking) + 1)
    assert len(overtaking) <= 4


@pytest.mark.parametrize(
    ("held_for", "next_at"),
    [
        pytest.param(60.0, 0.0, id="too fast: the number gets its slot back"),
        pytest.param(0.2, 1.21, id="claimed: the number gives one slot"),
    ],
)
async def test_a_pair_that_is_held_while_it_is_claimed_uses_up_no_more_than_its_answer_says(
    mongo: Any, *, held_for: float, next_at: float
) -> None:
    pace = Pace(number_rate=1.0, number_burst=1, pair_interval=1e-6, pair_burst=1_000_000, max_wait=0.5)
    for at in range(1, MOST_CALLS):
        for name in ("ledger", "buckets"):
            await mongo.drop_collection(name)
        overtaking: list[None] = []

        async def hold(overtaking: list[None] = overtaking) -> None:
            await MongoPacing(mongo).hold(scope="pair", key="num-1:customer-1", until=after(held_for), now=NOW)
            overtaking.append(None)

        own = await MongoLedger(overtaken(mongo, at, hold)).claim(a_claim(pace=pace))

        another = a_claim("another", customer_key="customer-2", now=after(next_at), pace=pace)
        if isinstance(own, RateLimited) or next_at:
            assert await MongoLedger(mongo).claim(another) == Claimed(0.0, 1)
        if not overtaking:
            return
    pytest.fail("it never got through")


async def test_a_call_that_failed_surely_and_is_too_fast_now_waits_as_before(mongo: Any) -> None:
    ledger = MongoLedger(mongo)
    pace = Pace(number_rate=1e6, number_burst=1_000_000, pair_interval=600.0, pair_burst=1)
    await ledger.claim(a_claim(pace=pace))
    await ledger.mark_not_sent("event-1", owner="sender-1", until=after(30))

    too_fast = await ledger.claim(a_claim(pace=pace, now=after(1)))

    await mongo.drop_collection("buckets")
    assert isinstance(too_fast, RateLimited)
    assert await ledger.claim(a_claim(owner="sender-2", now=after(29), pace=UNPACED)) == ClaimInProgress(after(30))
    assert await ledger.claim(a_claim(owner="sender-2", now=after(31), pace=UNPACED)) == Claimed(0.0, 2)


@BEFORE_AND_AFTER
async def test_an_outcome_whose_writer_died_can_be_written_again(mongo: Any, *, reached: bool) -> None:
    await survives(lambda: MongoLedger(dying(mongo, 1, reached=reached)).finish("event-1", b"first", now=NOW))

    stands = await MongoLedger(mongo).finish("event-1", b"second", now=NOW)

    assert stands == Finished(b"first" if reached else b"second")
