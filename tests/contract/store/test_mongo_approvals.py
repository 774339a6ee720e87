"""An approval on MongoDB is one call: it counts the quota, decides, and joins the delivery order."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from libs.contracts.errors import GatewayError
from libs.store.decisions import Position, Proposal, QuotaExhausted, StandingDecision, Usage
from libs.store.delivery_order import OrderEnd
from libs.store.mongo.decisions import MongoDecisions
from libs.store.mongo.delivery_order import MAX_POSITIONS, MongoDeliveryOrder
from libs.store.mongo.ordered_writes import OrderedWrites
from tests.contract.store.builders import (
    NOW,
    a_budget,
    a_decision,
    a_facts_query,
    a_refusal,
    an_approval,
    standing,
)
from tests.contract.store.mongo_deaths import BEFORE_AND_AFTER, LATER, MOST_CALLS, dying, mongo, overtaken

__all__ = ["mongo"]

NUMBER, CUSTOMER = "num-1", "customer-1"
HERE = Position(number_id=NUMBER, customer_key=CUSTOMER)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many writes each call with several had."""
    counts: list[int] = []
    made = OrderedWrites.made

    async def counted(self: OrderedWrites, writes: Any) -> list[bool] | None:
        counts.append(len(writes))
        return await made(self, writes)

    monkeypatch.setattr(OrderedWrites, "made", counted)
    return counts


async def end_of_order(decisions: MongoDecisions, event_id: str = "nobody") -> OrderEnd:
    query = replace(a_facts_query(event_id), number_id=NUMBER, customer_keys=(CUSTOMER,))
    return (await decisions.facts(query)).order_ends[CUSTOMER]


async def proposed(decisions: MongoDecisions, event_id: str, **fields: Any) -> Proposal:
    """The approval of an event whose facts were just read."""
    end = await end_of_order(decisions, event_id)
    return an_approval(event_id, position=HERE, order_end=end, **fields)


async def usage(decisions: MongoDecisions, now: Any = LATER) -> Usage:
    return (await decisions.facts(a_facts_query("nobody", now=now))).usage


async def order(mongo: Any) -> list[str]:
    found = await mongo["turns"].find_one({"_id": HERE.pair}) or {"line": []}
    return [position["event_id"] for position in found["line"]]


async def enqueue(mongo: Any, event_id: str) -> None:
    await MongoDeliveryOrder(mongo).enqueue(number_id=NUMBER, customer_key=CUSTOMER, event_id=event_id, now=NOW)


async def test_it_is_one_call_and_knows_the_event_before_it(mongo: Any, sent: list[int]) -> None:
    decisions = MongoDecisions(mongo)

    answers = [await decisions.decide(await proposed(decisions, f"event-{n}")) for n in range(3)]

    before = [answer.after for answer in answers if isinstance(answer, StandingDecision)]
    assert before == [None, "event-0", "event-1"]
    assert sent == [3, 3, 3]
    assert await order(mongo) == ["event-0", "event-1", "event-2"]
    assert (await usage(decisions)).day == 3


async def test_the_end_that_facts_show_is_that_of_the_stored_order(mongo: Any) -> None:
    decisions = MongoDecisions(mongo)
    assert await end_of_order(decisions) == OrderEnd()

    for number in range(MAX_POSITIONS + 3):
        await enqueue(mongo, f"event-{number}")

    assert await end_of_order(decisions) == OrderEnd(MAX_POSITIONS, f"event-{MAX_POSITIONS + 2}")
    answer = await decisions.decide(await proposed(decisions, "next"))
    assert answer == standing("approved", fresh=True, after=f"event-{MAX_POSITIONS + 2}")
    assert len(await order(mongo)) == MAX_POSITIONS


@pytest.mark.parametrize("known", [0, 1, 5, MAX_POSITIONS])
async def test_an_event_that_joined_since_the_facts_were_read_is_the_one_before_it(mongo: Any, known: int) -> None:
    decisions = MongoDecisions(mongo)
    for number in range(known):
        await enqueue(mongo, f"event-{number}")
    proposal = await proposed(decisions, "mine")
    await enqueue(mongo, "theirs")

    assert await decisions.decide(proposal) == standing("approved", fresh=True, after="theirs")
    assert (await order(mongo))[-2:] == ["theirs", "mine"]


@pytest.mark.parametrize("removed", ["the whole order", "all but its first"])
async def test_an_order_that_lost_positions_since_then_is_joined_where_it_ends(mongo: Any, removed: str) -> None:
    decisions = MongoDecisions(mongo)
    for number in range(3):
        await enqueue(mongo, f"event-{number}")
    proposal = await proposed(decisions, "mine")
    if removed == "the whole order":
        await mongo["turns"].delete_many({})
    else:
        await mongo["turns"].update_many({}, {"$push": {"line": {"$each": [], "$slice": 1}}})

    after = None if removed == "the whole order" else "event-0"
    assert await decisions.decide(proposal) == standing("approved", fresh=True, after=after)
    assert (await order(mongo))[-1] == "mine"


@pytest.mark.parametrize("limits", [{"daily_limit": 1}, {"monthly_limit": 1}, {"daily_limit": 0}, {"monthly_limit": 0}])
async def test_a_limit_that_is_reached_leaves_nothing_of_an_approval(mongo: Any, limits: dict[str, int]) -> None:
    decisions = MongoDecisions(mongo)
    full = a_budget(**limits)
    for number in range(next(iter(limits.values()))):
        assert await decisions.decide(an_approval(f"event-{number}", budget=full)) == standing("approved", fresh=True)
    used = await usage(decisions)

    answer = await decisions.decide(await proposed(decisions, "one-more", budget=full))

    assert isinstance(answer, QuotaExhausted)
    assert await order(mongo) == []
    assert await mongo["decisions"].find_one({"_id": "one-more"}) is None
    assert await usage(decisions) == used


async def test_an_event_that_was_withdrawn_since_then_uses_nothing_up_and_has_no_position(mongo: Any) -> None:
    decisions = MongoDecisions(mongo)
    proposal = await proposed(decisions, "event-1")
    await decisions.decide(a_refusal("event-1", decision=a_decision("withdrawn")))

    assert await decisions.decide(proposal) == standing("withdrawn", fresh=False)
    assert await order(mongo) == []
    assert (await usage(decisions)).day == 0


async def test_approvals_of_one_customer_at_once_are_one_order(mongo: Any) -> None:
    here, there = MongoDecisions(mongo), MongoDecisions(mongo)
    proposals = [await proposed(here, f"event-{number}") for number in range(20)]

    answers = await asyncio.gather(
        *(each.decide(proposal) for proposal, each in zip(proposals, [here, there] * 10, strict=True))
    )

    line = await order(mongo)
    before = {p.event_id: a.after for p, a in zip(proposals, answers, strict=True) if isinstance(a, StandingDecision)}
    assert sorted(line) == sorted(before)
    assert [before[event] for event in line] == [None, *line[:-1]]
    assert (await usage(here)).day == 20


@BEFORE_AND_AFTER
async def test_one_whose_process_died_has_one_position_and_is_counted_once(mongo: Any, *, reached: bool) -> None:
    living = MongoDecisions(mongo)
    for at in range(1, MOST_CALLS):
        event = f"event-{at}"
        proposal = await proposed(living, event)
        died = True
        try:
            await MongoDecisions(dying(mongo, at, reached=reached)).decide(proposal)
            died = False
        except GatewayError:
            pass

        again = await living.decide(await proposed(living, event, decision=a_decision("again")))
        await enqueue(mongo, event)  # as policy does for a decision that is not fresh

        assert isinstance(again, StandingDecision)
        assert await order(mongo) == [f"event-{n}" for n in range(1, at + 1)]
        assert (await usage(living)).day == at
        if not died:
            return
    pytest.fail("it never got through")


def another_approval(mongo: Any) -> Callable[[], Any]:
    async def others() -> None:
        decisions = MongoDecisions(mongo)
        await decisions.decide(await proposed(decisions, f"other-{len(await order(mongo))}"))

    return others


async def test_however_another_approval_comes_in_between_the_order_has_both(mongo: Any) -> None:
    decisions = MongoDecisions(mongo)
    for at in range(1, MOST_CALLS):
        proposal = await proposed(decisions, f"event-{at}")
        before = await order(mongo)

        answer = await MongoDecisions(overtaken(mongo, at, another_approval(mongo))).decide(proposal)

        line = await order(mongo)
        assert isinstance(answer, StandingDecision)
        position = line.index(f"event-{at}")
        assert answer.after == (line[position - 1] if position else None)
        if len(line) == len(before) + 1:
            return
    pytest.fail("it never got through")
