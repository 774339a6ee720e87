"""A target that fails or hangs delays its own forwards and no others."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from libs.chassis.settlement import RetryLater
from libs.store.forwards import ForwardState
from services.sender.domain.forwards import ForwardResponse
from tests.unit.sender.forward_world import LIMITS, World, delivery


async def test_a_failing_target_is_left_alone_after_some_tries_and_its_messages_use_up_no_try() -> None:
    world = World.answering(ForwardResponse(error="timeout"))
    process = world.process()
    for number in range(3):
        with pytest.raises(RetryLater):
            await process(delivery(number))

    with pytest.raises(RetryLater) as later:
        await process(delivery(99))

    assert (later.value.counts, later.value.after) == (False, timedelta(seconds=10))
    assert len(world.target.taken) == 3
    assert world.ledger.rows[str(UUID(int=99))].state is ForwardState.WAITING


async def test_a_target_that_is_back_is_found_by_one_probe() -> None:
    world = World.answering(*[ForwardResponse(error="timeout")] * 3, ForwardResponse(200))
    process = world.process()
    for number in range(3):
        with pytest.raises(RetryLater):
            await process(delivery(number))
    world.time.passed = 10
    world.target.gate = asyncio.Event()

    probe = asyncio.create_task(process(delivery(10)))
    while len(world.target.taken) < 4:
        await asyncio.sleep(0)
    with pytest.raises(RetryLater):
        await process(delivery(11))
    world.target.gate.set()
    await probe

    assert (await process(delivery(11))).status == 200


async def test_a_probe_that_finds_its_message_told_already_lets_another_probe() -> None:
    world = World.answering(ForwardResponse(200), *[ForwardResponse(error="timeout")] * 2, ForwardResponse(200))
    process = world.process()
    await process(delivery(1))
    for number in (2, 3):
        with pytest.raises(RetryLater):
            await process(delivery(number))
    world.time.passed = 10
    await process(delivery(1))

    assert (await process(delivery(5))).status == 200


async def test_a_failing_target_stops_no_other() -> None:
    world = World.answering(*[ForwardResponse(error="timeout")] * 3, ForwardResponse(200))
    process = world.process()
    for number in range(3):
        with pytest.raises(RetryLater):
            await process(delivery(number))

    assert (await process(delivery(99, integration_id="int_2"))).status == 200


async def test_a_hanging_target_holds_few_deliveries_and_the_rest_goes_back_to_the_broker() -> None:
    world = World()
    world.target.gate = asyncio.Event()
    process = world.process()

    tasks = [asyncio.create_task(process(delivery(number))) for number in range(50)]
    other = asyncio.create_task(process(delivery(99, integration_id="int_2")))
    done, hanging = await asyncio.wait(tasks, timeout=1.0)

    assert len(hanging) == world.limits.concurrent
    assert {type(task.exception()) for task in done} == {RetryLater}
    assert len(world.target.taken) == world.limits.concurrent + 1
    world.target.gate.set()
    await asyncio.gather(*hanging, other)


async def test_few_wait_in_hand_for_a_place_in_a_lane() -> None:
    world = World(limits=replace(LIMITS, wait_s=60.0))
    world.target.gate = asyncio.Event()
    process = world.process()

    tasks = [asyncio.create_task(process(delivery(number))) for number in range(50)]
    done, in_hand = await asyncio.wait(tasks, timeout=0.3)

    assert (len(done), len(in_hand)) == (46, 4)
    world.target.gate.set()
    await asyncio.gather(*in_hand)
