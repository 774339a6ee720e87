"""Telling a 3CX system: once per id, for a day at most, and nobody held up by others."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from libs.chassis.settlement import GiveUp, RetryLater
from libs.contracts.errors import GatewayError
from libs.contracts.events import ForwardFailed
from libs.contracts.forwards import ForwardKind
from libs.store.forwards import ForwardState
from services.sender.domain.forwards import ForwardResponse
from services.sender.ports import NoForwardTarget
from tests.unit.sender.forward_world import NOON, PSEUDONYMS, FakeTargets, World, delivery

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
    world = World.answering(ForwardResponse(500, "http_500"), ForwardResponse(200))
    process = world.process()
    with pytest.raises(RetryLater):
        await process(delivery())
    world.time.passed = 5

    await process(delivery(attempt=2, waiting_since=NOON))

    (_, body, first), (_, again, second) = world.target.taken
    assert body == again
    assert first["webhook-id"] == second["webhook-id"] == ID
    assert first["X-WhatsApp-Gateway-Event"] == "message.received"
    assert first["X-WhatsApp-Gateway-Timestamp"] != second["X-WhatsApp-Gateway-Timestamp"]
    assert first["webhook-signature"] != second["webhook-signature"]


async def test_a_failed_try_goes_back_to_the_broker_and_counts() -> None:
    world = World.answering(ForwardResponse(503, "http_503", 90.0))

    with pytest.raises(RetryLater) as later:
        await world.process()(delivery())

    assert (later.value.after, later.value.counts) == (timedelta(seconds=90), True)
    assert world.ledger.rows[ID].state is ForwardState.WAITING


async def test_retry_after_holds_the_other_messages_for_the_same_target_too() -> None:
    world = World.answering(ForwardResponse(429, "http_429", 90.0), ForwardResponse(200))
    process = world.process()
    with pytest.raises(RetryLater):
        await process(delivery())

    with pytest.raises(RetryLater) as later:
        await process(delivery(8))

    assert (later.value.after, later.value.counts) == (timedelta(seconds=90), False)
    assert len(world.target.taken) == 1


async def test_a_target_that_is_gone_is_not_asked_again() -> None:
    world = World.answering(ForwardResponse(410, "http_410"))

    with pytest.raises(GiveUp) as given_up:
        await world.process()(delivery(attempt=3, waiting_since=NOON))

    (failed,) = given_up.value.events
    assert isinstance(failed, ForwardFailed)
    assert (failed.reason, failed.status, failed.attempts) == ("http_410", 410, 3)
    assert world.ledger.rows[ID].state is ForwardState.FAILED


async def test_after_a_day_it_is_set_aside_with_the_last_error() -> None:
    world = World.answering(ForwardResponse(error="timeout"))
    world.time.passed = 86_400 - 3_000

    with pytest.raises(GiveUp, match="out of time: timeout"):
        await world.process()(delivery(attempt=28, waiting_since=NOON))


async def test_the_day_begins_with_the_first_try_and_not_with_the_event() -> None:
    world = World.answering(ForwardResponse(error="timeout"))
    world.time.passed = 5 * 86_400

    with pytest.raises(RetryLater):
        await world.process()(delivery())


async def test_what_waited_for_a_day_is_set_aside_without_another_try() -> None:
    world = World()
    world.time.passed = 86_400

    with pytest.raises(GiveUp, match="out of time"):
        await world.process()(delivery(attempt=2, waiting_since=NOON))

    assert world.target.taken == []
    assert world.ledger.rows[ID].state is ForwardState.FAILED


async def test_a_replayed_dead_letter_is_tried_again() -> None:
    world = World.answering(ForwardResponse(410, "http_410"), ForwardResponse(200))
    with pytest.raises(GiveUp):
        await world.process()(delivery())

    said = await world.process()(delivery())

    assert said.status == 200


@pytest.mark.parametrize("reason", ["forwarding_off", "unknown_integration", "secret_unreadable"])
async def test_without_a_target_it_is_set_aside_with_the_reason(reason: str) -> None:
    world = World()
    world.targets.standing = NoForwardTarget(reason)

    with pytest.raises(GiveUp, match=reason):
        await world.process()(delivery())

    assert world.target.taken == []


async def test_what_was_delivered_is_no_failure_when_forwarding_is_switched_off_afterwards() -> None:
    world = World()
    first = await world.process()(delivery())
    world.targets.standing = NoForwardTarget("forwarding_off")

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

    with pytest.raises(RetryLater):
        await world.process()(delivery())

    world.target.gate.set()
    assert (await first).status == 200
    assert len(world.target.taken) == 1


# ---------------------------------------------------------------- customers who were erased

KEY = PSEUDONYMS.customer_key("acc_1", "+966512345678")
USER_KEY = PSEUDONYMS.customer_key("acc_1", "SA.77")


@pytest.mark.parametrize("key", [KEY, USER_KEY])
async def test_a_forward_that_waited_while_its_customer_was_erased_is_cancelled(key: str) -> None:
    world = World.answering(ForwardResponse(503, "http_503"))
    with pytest.raises(RetryLater):
        await world.process()(delivery(customer_user_id="SA.77"))
    world.erased.times[key] = NOON

    told = await world.process()(delivery(attempt=2, waiting_since=NOON, customer_user_id="SA.77"))

    assert isinstance(told, ForwardFailed)
    assert (told.reason, told.attempts, told.status) == ("erased", 1, None)
    assert len(world.target.taken) == 1
    assert world.ledger.rows[ID].state is ForwardState.FAILED


async def test_a_cancelled_forward_that_was_never_tried_names_nobody() -> None:
    world = World()
    world.erased.times[KEY] = NOON

    told = await world.process()(delivery())

    row = world.ledger.rows[ID]
    assert isinstance(told, ForwardFailed)
    assert (row.masked_phone, row.customer_key, world.target.taken) == (None, None, [])


async def test_a_cancelled_forward_is_no_dead_letter_however_long_it_waited_and_wherever_it_was_to_go() -> None:
    world = World(targets=FakeTargets(NoForwardTarget("integration is gone")))
    world.erased.times[KEY] = NOON
    world.time.passed = 25 * 3600

    told = await world.process()(delivery(attempt=30, waiting_since=NOON))

    assert isinstance(told, ForwardFailed)
    assert told.reason == "erased"


async def test_an_erasure_between_the_claim_and_the_post_is_seen() -> None:
    world = World()
    world.erased.next_looks = [None, NOON]

    told = await world.process()(delivery())

    assert isinstance(told, ForwardFailed)
    assert (told.reason, world.target.taken) == ("erased", [])


async def test_the_erasure_sees_a_forward_from_its_claim_on() -> None:
    world = World()
    world.target.gate = asyncio.Event()
    posting = asyncio.ensure_future(world.process()(delivery()))
    while not world.target.taken:
        await asyncio.sleep(0)

    row = world.ledger.rows[ID]
    world.target.gate.set()
    await posting

    assert (row.state, row.customer_key) == (ForwardState.TRYING, KEY)


async def test_a_forward_that_was_delivered_before_the_erasure_stays_delivered() -> None:
    world = World()
    first = await world.process()(delivery())
    world.erased.times[KEY] = NOON

    assert await world.process()(delivery()) == first


@pytest.mark.parametrize("changes", [{}, {"at": NOON - timedelta(hours=1)}])
async def test_what_happened_before_the_erasure_is_cancelled_and_what_happened_after_it_is_not(
    changes: dict[str, Any],
) -> None:
    world = World()
    world.erased.times[KEY] = NOON - timedelta(minutes=1)

    told = await world.process()(delivery(**changes))

    assert isinstance(told, ForwardFailed) == bool(changes)
    assert len(world.target.taken) == (not changes)


@pytest.mark.parametrize(
    ("kind", "named"),
    [(ForwardKind.MESSAGE_STATUS_UPDATED, False), (ForwardKind.MESSAGE_RECEIVED, True)],
    ids=["a status of an earlier message", "a message, which is new"],
)
async def test_after_an_erasure_a_forward_is_kept_without_the_customer_unless_they_wrote(
    kind: ForwardKind,
    named: bool,  # noqa: FBT001 -- a column of the table
) -> None:
    world = World()
    world.erased.times[KEY] = NOON - timedelta(minutes=1)

    await world.process()(delivery(kind=kind))

    row = world.ledger.rows[ID]
    assert len(world.target.taken) == 1
    assert (row.customer_key == KEY, row.masked_phone is not None) == (named, named)


def a_test_line(**changes: Any) -> Any:
    content = {"chat": {"from": "+99900000000000", "to": "+4930123456", "text": "Test"}}
    return delivery(kind=ForwardKind.CHAT_TEST, content=content, customer=None, **changes)


async def test_a_test_of_the_chat_is_posted_once_and_its_failure_is_no_dead_letter() -> None:
    world = World.answering(ForwardResponse(500, "http_500"))

    told = await world.process()(a_test_line())

    assert isinstance(told, ForwardFailed)
    assert told.reason == "http_500"
    assert len(world.target.taken) == 1
    assert (world.ledger.rows[ID].state, world.ledger.rows[ID].tries) == (ForwardState.FAILED, 1)


async def test_a_test_of_a_chat_that_is_off_fails_at_once() -> None:
    world = World(targets=FakeTargets(NoForwardTarget("chat_off")))

    told = await world.process()(a_test_line())

    assert isinstance(told, ForwardFailed)
    assert (told.reason, world.target.taken) == ("chat_off", [])


async def test_a_line_of_the_chat_is_posted_unsigned_and_again_as_it_was() -> None:
    world = World.answering(ForwardResponse(503, "http_503"), ForwardResponse(200))
    content = {"chat": {"from": "+966512345678", "to": "+4930123456", "text": "Hello"}}
    line = delivery(kind=ForwardKind.CHAT_NOTE, content=content)

    with pytest.raises(RetryLater):
        await world.process()(line)
    await world.process()(line)

    (_, first, headers), (_, second, _) = world.target.taken
    assert first == second
    assert headers == {"Content-Type": "application/json"}
