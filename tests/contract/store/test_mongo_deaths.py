"""A process dies, or pauses, while it decides on MongoDB: what it approves is counted once, or not at all."""

from datetime import UTC, timedelta
from functools import partial
from typing import Any
from unittest.mock import AsyncMock

import pytest

from libs.store.decisions import CoolingDown, Limit, QuotaExhausted, StandingDecision, Usage
from libs.store.mongo.decisions import MongoDecisions
from libs.store.mongo.ordered_writes import OrderedWrites
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
from tests.contract.store.mongo_deaths import BEFORE_AND_AFTER, LATER, MOST_CALLS, dying, mongo, overtaken, survives

__all__ = ["mongo"]


@pytest.fixture(autouse=True, params=["8.0", "7.0"])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """MongoDB's release: one before 8.0 takes no writes to several collections in one call."""
    if request.param == "7.0":
        monkeypatch.setattr(OrderedWrites, "made", AsyncMock(return_value=None))


async def usage(decisions: MongoDecisions, now: Any = LATER) -> Usage:
    return (await decisions.facts(a_facts_query("nobody", now=now))).usage


@BEFORE_AND_AFTER
async def test_an_approval_whose_process_died_is_counted_once_when_it_comes_again(mongo: Any, *, reached: bool) -> None:
    living = MongoDecisions(mongo)
    for at in range(1, MOST_CALLS):
        event = f"event-{at}"
        dead = MongoDecisions(dying(mongo, at, reached=reached))
        through = await survives(partial(dead.decide, an_approval(event)))

        again = await living.decide(an_approval(event, decision=a_decision("again")))

        assert isinstance(again, StandingDecision)
        assert (await usage(living, NOW)).day == at
        assert (await usage(living)).day == at
        if through:
            return
    pytest.fail("it never got through")


@BEFORE_AND_AFTER
async def test_an_approval_whose_process_died_and_that_was_withdrawn_uses_nothing_up(
    mongo: Any, *, reached: bool
) -> None:
    living = MongoDecisions(mongo)
    for at in range(1, MOST_CALLS):
        event = f"event-{at}"
        dead = MongoDecisions(dying(mongo, at, reached=reached))
        through = await survives(partial(dead.decide, an_approval(event)))

        stands = await living.decide(a_refusal(event, decision=a_decision("withdrawn")))

        approved = stands == standing("approved", fresh=False)
        used = await usage(living)
        assert (used.day, used.month, used.ten_minutes) == (int(approved),) * 3
        if approved:
            await living.release(event, LATER)
            await _reset_speed(mongo)
        if through:
            return
    pytest.fail("it never got through")


async def _reset_speed(database: Any) -> None:
    await database["usage"].update_many({}, {"$set": {"speed.count": 0}})


async def test_a_full_day_has_room_again_after_a_death(mongo: Any) -> None:
    dead = MongoDecisions(dying(mongo, 2, reached=False))
    budget = a_budget(daily_limit=1)
    await survives(lambda: dead.decide(an_approval("dead", budget=budget)))
    heir = MongoDecisions(mongo)

    at_once = await heir.decide(an_approval("next", budget=budget, now=after(5)))
    later = await heir.decide(an_approval("next", budget=budget, now=LATER))

    assert at_once == QuotaExhausted(Limit.DAILY, 1)
    assert later == standing("approved", fresh=True)
    assert (await usage(heir)).day == 1


async def test_however_long_a_process_pauses_no_approval_is_counted_twice_or_not_at_all(
    mongo: Any,
) -> None:
    budget = a_budget(daily_limit=1)
    for at in range(1, MOST_CALLS):
        await mongo.drop_collection("usage")
        others: list[Any] = []

        async def take_the_last(at: int = at, others: list[Any] = others) -> None:
            answer = await MongoDecisions(mongo).decide(an_approval(f"other-{at}", budget=budget, now=LATER))
            others.append(answer)

        slow = MongoDecisions(overtaken(mongo, at, take_the_last))
        own = await slow.decide(an_approval(f"event-{at}", budget=budget))

        approved = [answer for answer in (own, *others) if isinstance(answer, StandingDecision)]
        assert len(approved) == 1
        assert (await usage(MongoDecisions(mongo), after(300))).day == 1
        if not others:
            return
    pytest.fail("it never got through")


async def test_a_process_that_pauses_while_its_event_is_settled_by_another_counts_nothing(
    mongo: Any,
) -> None:
    for at in range(1, MOST_CALLS):
        event = f"event-{at}"
        paused: list[bool] = []

        async def settle_it(event: str = event, paused: list[bool] = paused) -> None:
            other = MongoDecisions(mongo)
            await other.decide(an_approval(event, decision=a_decision("other"), now=LATER))
            paused.append(True)

        own = await MongoDecisions(overtaken(mongo, at, settle_it)).decide(an_approval(event))

        used = await usage(MongoDecisions(mongo), after(400))
        assert isinstance(own, StandingDecision)
        assert used.day == at
        if not paused:
            return
    pytest.fail("it never got through")


@BEFORE_AND_AFTER
@pytest.mark.parametrize("again", ["approved", "withdrawn"])
async def test_a_cooldown_whose_process_died_is_its_events_alone(mongo: Any, again: str, *, reached: bool) -> None:
    living = MongoDecisions(mongo)
    for at in range(1, MOST_CALLS):
        event, cooldown = f"event-{at}", a_cooldown(customer_key=f"customer-{at}")
        dead = MongoDecisions(dying(mongo, at, reached=reached))
        through = await survives(partial(dead.decide, an_approval(event, cooldown=cooldown)))

        own = await living.decide(an_approval(event, cooldown=cooldown) if again == "approved" else a_refusal(event))
        next_one = await living.decide(an_approval(f"{event}-next", cooldown=cooldown))

        assert isinstance(own, StandingDecision)
        if own.decision == a_decision("approved"):
            assert next_one == CoolingDown(until=after(cooldown.seconds))
        else:
            assert next_one == standing("approved", fresh=True)
        if through:
            return
    pytest.fail("it never got through")


MONTH = 30 * 86_400


@pytest.mark.parametrize("ends", ["returned", "refused"])
async def test_a_long_cooldown_without_a_message_does_not_count_again_once_the_decision_is_gone(
    mongo: Any, ends: str
) -> None:
    """MongoDB deletes decisions after ten days; then nothing tells that the cooldown's owner sent no message."""
    decisions, cooldown = MongoDecisions(mongo), a_cooldown(seconds=MONTH)
    budget = a_budget(daily_limit=0) if ends == "refused" else a_budget()
    await decisions.decide(an_approval("event-1", cooldown=cooldown, budget=budget))
    if ends == "returned":
        await decisions.release("event-1", NOW)
    await mongo["decisions"].delete_many({})

    assert await decisions.decide(an_approval("event-2", cooldown=cooldown)) == standing("approved", fresh=True)


async def test_a_long_cooldown_counts_after_its_decision_is_gone_and_has_its_own_time_to_live(mongo: Any) -> None:
    decisions, cooldown = MongoDecisions(mongo), a_cooldown(seconds=MONTH)
    await decisions.decide(an_approval("event-1", cooldown=cooldown))
    await mongo["decisions"].delete_many({})

    found = await mongo["cooldowns"].find_one({"_id": cooldown.id})

    assert "touched_at" not in found
    assert abs(found["ends"].replace(tzinfo=UTC) - after(MONTH)) < timedelta(milliseconds=1)  # what BSON keeps
    again = await decisions.decide(an_approval("event-2", cooldown=cooldown, now=after(29 * 86_400)))
    assert again == CoolingDown(until=after(MONTH))


@BEFORE_AND_AFTER
async def test_a_return_whose_process_died_happens_once_when_it_comes_again(mongo: Any, *, reached: bool) -> None:
    living = MongoDecisions(mongo)
    for at in range(1, MOST_CALLS):
        event = f"event-{at}"
        await living.decide(an_approval(event))
        dead = MongoDecisions(dying(mongo, at, reached=reached))
        through = await survives(partial(dead.release, event, NOW))

        await living.release(event, NOW)

        assert (await usage(living, NOW)).day == 0
        assert (await usage(living)).day == 0
        if through:
            return
    pytest.fail("it never got through")


@BEFORE_AND_AFTER
async def test_a_return_whose_process_died_is_whole_or_not_at_all(mongo: Any, *, reached: bool) -> None:
    living = MongoDecisions(mongo)
    kept = 0
    for at in range(1, MOST_CALLS):
        event = f"event-{at}"
        await living.decide(an_approval(event))
        dead = MongoDecisions(dying(mongo, at, reached=reached))
        through = await survives(partial(dead.release, event, NOW))

        used = (await usage(living)).day

        returned = "returned" in await mongo["decisions"].find_one({"_id": event})
        kept += not returned
        assert used == kept
        if through:
            return
    pytest.fail("it never got through")
