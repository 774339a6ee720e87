"""Telling a 3CX system: once per id, for a day at most, and nobody held up by others."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from libs.chassis.settling import GivenUp, Later
from libs.contracts.errors import GatewayError
from libs.contracts.events import ForwardFailed
from libs.store.forwards import ForwardState
from services.sender.domain.forwarding import Reply
from services.sender.ports import NoTarget
from tests.unit.sender.forwarding.world import LIMITS, NOON, World, delivery

ID = str(UUID(int=7))


async def test_what_the_target_took_is_said_and_noted() -> None:
    world = World()

    said = await world.process()(delivery())

    assert (said.forward_id, said.status, said.attempts) == (UUID(int=7), 200, 1)
    row = world.ledger.rows[ID]
    assert (row.state, row.masked_phone, row.attempts[0].status) == (ForwardState.DELIVERED, "+9665•••••678", 200)


async def test_a_delivery_that_is_repeated_is_posted_once_and_said_again() -> None:
    world = World()
    first = await world.process()(delivery())

    again = await world.process()(delivery())

    assert again == first
    assert len(world.target.taken) == 1


async def test_every_try_has_the_same_id_and_body_and_a_time_and_signature_of_its_own() -> None:
    world = World.answering(Reply(500, "http_500"), Reply(200))
    process = world.process()
    with pytest.raises(Later):
        await process(delivery())
    world.time.passed = 5

    await process(delivery(attempt=2, since=NOON))

    (_, body, first), (_, again, second) = world.target.taken
    assert body == again
    assert first["webhook-id"] == second["webhook-id"] == ID
    assert first["X-WhatsApp-Gateway-Event"] == "message.received"
    assert first["X-WhatsApp-Gateway-Timestamp"] != second["X-WhatsApp-Gateway-Timestamp"]
    assert first["webhook-signature"] != second["webhook-signature"]


async def test_a_failed_try_goes_back_to_the_broker_and_counts() -> None:
    world = World.answering(Reply(503, "http_503", 90.0))

    with pytest.raises(Later) as later:
        await world.process()(delivery())

    assert (later.value.after, later.value.counts) == (timedelta(seconds=90), True)
    assert world.ledger.rows[ID].state is ForwardState.WAITING


async def test_retry_after_holds_the_other_messages_for_the_same_target_too() -> None:
    world = World.answering(Reply(429, "http_429", 90.0), Reply(200))
    process = world.process()
    with pytest.raises(Later):
        await process(delivery())

    with pytest.raises(Later) as later:
        await process(delivery(8))

    assert (later.value.after, later.value.counts) == (timedelta(seconds=90), False)
    assert len(world.target.taken) == 1


async def test_a_target_that_is_gone_is_not_asked_again() -> None:
    world = World.answering(Reply(410, "http_410"))

    with pytest.raises(GivenUp) as given_up:
        await world.process()(delivery(attempt=3, since=NOON))

    (failed,) = given_up.value.said
    assert isinstance(failed, ForwardFailed)
    assert (failed.reason, failed.status, failed.attempts) == ("http_410", 410, 3)
    assert world.ledger.rows[ID].state is ForwardState.FAILED


async def test_after_a_day_it_is_set_aside_with_the_last_error() -> None:
    world = World.answering(Reply(error="timeout"))
    world.time.passed = 86_400 - 3_000

    with pytest.raises(GivenUp, match="out of time: timeout"):
        await world.process()(delivery(attempt=28, since=NOON))


async def test_the_day_begins_with_the_first_try_and_not_with_the_event() -> None:
    world = World.answering(Reply(error="timeout"))
    world.time.passed = 5 * 86_400

    with pytest.raises(Later):
        await world.process()(delivery())


async def test_what_waited_for_a_day_is_set_aside_without_another_try() -> None:
    world = World()
    world.time.passed = 86_400

    with pytest.raises(GivenUp, match="out of time"):
        await world.process()(delivery(attempt=2, since=NOON))

    assert world.target.taken == []
    assert world.ledger.rows[ID].state is ForwardState.FAILED


async def test_a_replayed_dead_letter_is_tried_again() -> None:
    world = World.answering(Reply(410, "http_410"), Reply(200))
    with pytest.raises(GivenUp):
        await world.process()(delivery())

    said = await world.process()(delivery())

    assert said.status == 200


@pytest.mark.parametrize("reason", ["forwarding_off", "unknown_integration", "secret_unreadable"])
async def test_without_a_target_it_is_set_aside_with_the_reason(reason: str) -> None:
    world = World()
    world.targets.standing = NoTarget(reason)

    with pytest.raises(GivenUp, match=reason):
        await world.process()(delivery())

    assert world.target.taken == []


async def test_what_was_delivered_is_no_failure_when_forwarding_is_switched_off_afterwards() -> None:
    world = World()
    first = await world.process()(delivery())
    world.targets.standing = NoTarget("forwarding_off")

    assert await world.process()(delivery()) == first


async def test_an_outage_of_the_store_posts_nothing_and_uses_up_nothing() -> None:
    world = World()
    world.ledger.down = True

    with pytest.raises(GatewayError):
        await world.process()(delivery())

    assert world.target.taken == []


async def test_a_success_that_could_not_be_noted_is_noted_later_without_another_post() -> None:
    world = World()
    process = world.process()
    world.target.gate = asyncio.Event()
    trying = asyncio.create_task(process(delivery()))
    while not world.target.taken:
        await asyncio.sleep(0)
    world.ledger.down = True
    world.target.gate.set()
    with pytest.raises(GatewayError):
        await trying
    world.ledger.down = False

    said = await process(delivery())

    assert said.status == 200
    assert len(world.target.taken) == 1
    assert world.ledger.rows[ID].state is ForwardState.DELIVERED


async def test_a_twin_waits_while_the_first_is_under_way() -> None:
    world = World()
    world.target.gate = asyncio.Event()
    first = asyncio.create_task(world.process()(delivery()))
    while not world.target.taken:
        await asyncio.sleep(0)

    with pytest.raises(Later):
        await world.process()(delivery())

    world.target.gate.set()
    assert (await first).status == 200
    assert len(world.target.taken) == 1


async def test_a_failing_target_is_left_alone_after_some_tries_and_its_messages_use_up_no_try() -> None:
    world = World.answering(Reply(error="timeout"))
    process = world.process()
    for number in range(3):
        with pytest.raises(Later):
            await process(delivery(number))

    with pytest.raises(Later) as later:
        await process(delivery(99))

    assert (later.value.counts, later.value.after) == (False, timedelta(seconds=10))
    assert len(world.target.taken) == 3
    assert world.ledger.rows[str(UUID(int=99))].state is ForwardState.WAITING


async def test_a_target_that_is_back_is_found_by_one_probe() -> None:
    world = World.answering(*[Reply(error="timeout")] * 3, Reply(200))
    process = world.process()
    for number in range(3):
        with pytest.raises(Later):
            await process(delivery(number))
    world.time.passed = 10
    world.target.gate = asyncio.Event()

    probe = asyncio.create_task(process(delivery(10)))
    while len(world.target.taken) < 4:
        await asyncio.sleep(0)
    with pytest.raises(Later):
        await process(delivery(11))
    world.target.gate.set()
    await probe

    assert (await process(delivery(11))).status == 200


async def test_a_probe_that_finds_its_message_told_already_lets_another_probe() -> None:
    world = World.answering(Reply(200), *[Reply(error="timeout")] * 2, Reply(200))
    process = world.process()
    await process(delivery(1))
    for number in (2, 3):
        with pytest.raises(Later):
            await process(delivery(number))
    world.time.passed = 10
    await process(delivery(1))

    assert (await process(delivery(5))).status == 200


async def test_a_failing_target_stops_no_other() -> None:
    world = World.answering(*[Reply(error="timeout")] * 3, Reply(200))
    process = world.process()
    for number in range(3):
        with pytest.raises(Later):
            await process(delivery(number))

    assert (await process(delivery(99, integration_id="int_2"))).status == 200


async def test_a_hanging_target_holds_few_deliveries_and_the_rest_goes_back_to_the_broker() -> None:
    world = World()
    world.target.gate = asyncio.Event()
    process = world.process()

    tasks = [asyncio.create_task(process(delivery(number))) for number in range(50)]
    other = asyncio.create_task(process(delivery(99, integration_id="int_2")))
    done, hanging = await asyncio.wait(tasks, timeout=1.0)

    assert len(hanging) == world.limits.width
    assert {type(task.exception()) for task in done} == {Later}
    assert len(world.target.taken) == world.limits.width + 1
    world.target.gate.set()
    await asyncio.gather(*hanging, other)


async def test_few_wait_in_hand_for_a_place_in_a_lane() -> None:
    world = World(limits=replace(LIMITS, patience_s=60.0))
    world.target.gate = asyncio.Event()
    process = world.process()

    tasks = [asyncio.create_task(process(delivery(number))) for number in range(50)]
    done, in_hand = await asyncio.wait(tasks, timeout=0.3)

    assert (len(done), len(in_hand)) == (46, 4)
    world.target.gate.set()
    await asyncio.gather(*in_hand)
