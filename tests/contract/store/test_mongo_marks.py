"""Marks of approvals in MongoDB: an approval makes two writes on its way, and its mark goes without a third."""

import asyncio
from typing import Any

from pymongo.errors import AutoReconnect

from libs.store.mongo.decisions import MongoDecisions
from tests.contract.store.builders import a_refusal, an_approval
from tests.contract.store.mongo_deaths import Watched, mongo

__all__ = ["mongo"]


def counting(database: Any, calls: list[int]) -> Watched:
    async def count(number: int, done: bool) -> None:  # noqa: FBT001 -- a hook's words
        if not done:
            calls.append(number)

    return Watched(database, count)


async def marks(database: Any) -> list[str]:
    """The events of all marks."""
    return [mark["event_id"] async for each in database["usage"].find() for mark in each["reserving"]]


async def test_an_approval_without_a_position_makes_two_writes(mongo: Any) -> None:
    calls: list[int] = []
    decisions = MongoDecisions(counting(mongo, calls))

    await decisions.decide(an_approval("event-1"))

    assert len(calls) == 2


async def test_the_next_reservation_of_the_account_takes_the_mark_away(mongo: Any) -> None:
    decisions = MongoDecisions(mongo)
    await decisions.decide(an_approval("event-1"))
    assert await marks(mongo) == ["event-1"]

    await decisions.decide(an_approval("event-2"))

    assert await marks(mongo) == ["event-2"]


async def test_a_mark_without_a_next_reservation_goes_by_itself(mongo: Any) -> None:
    decisions = MongoDecisions(mongo)
    await decisions.decide(an_approval("event-1"))

    async with asyncio.timeout(60):
        while await marks(mongo):
            await asyncio.sleep(0.05)


async def test_a_mark_whose_decision_is_another_one_goes_at_once_with_its_count(mongo: Any) -> None:
    await MongoDecisions(mongo).decide(a_refusal("event-1"))

    await MongoDecisions(mongo).decide(an_approval("event-1"))

    assert await marks(mongo) == []
    [usage] = [each async for each in mongo["usage"].find()]
    assert set(usage["days"].values()) == {0}


async def test_a_process_that_cannot_remove_a_mark_leaves_it_to_the_next_who_looks(mongo: Any) -> None:
    refused: list[int] = []

    async def refuse_after_the_decision(number: int, done: bool) -> None:  # noqa: FBT001 -- a hook's words
        if number > 2 and not done:  # the quota and the decision
            refused.append(number)
            raise AutoReconnect("gone")

    decisions = MongoDecisions(Watched(mongo, refuse_after_the_decision))
    await decisions.decide(an_approval("event-1"))
    async with asyncio.timeout(60):
        while not refused:
            await asyncio.sleep(0.05)

    assert await marks(mongo) == ["event-1"]
    await MongoDecisions(mongo).decide(an_approval("event-2"))
    assert await marks(mongo) == ["event-1", "event-2"]
