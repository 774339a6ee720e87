"""Statuses of messages: matched, kept once, settled by, and followed by what a failure means."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest

from libs.chassis.settlement import RetryLater
from libs.chassis.subscriptions import Received
from libs.contracts.callback_data import callback_from
from libs.contracts.events import (
    Event,
    MessageSettled,
    MessageStatusUpdated,
    WhatsAppStatusReceived,
    WhatsAppStatusUnmatched,
)
from libs.contracts.identity import Pseudonyms
from libs.contracts.results import AnswerStatus
from libs.providers.outcomes import Accepted, OutcomeUnknown
from services.sender.handlers.statuses import HandleStatus
from tests.unit.sender.fake_world import NOON, Crash
from tests.unit.sender.gateway import EVENT, Gateway, answer_in, approved, received

CALLBACK = callback_from(EVENT, Pseudonyms(b"k" * 32))
TAKEN = Accepted(message_id="wamid.1")


def a_status(status: str = "delivered", **changes: Any) -> Received[WhatsAppStatusReceived]:
    fields = {
        "account_id": "a1",
        "number_id": "n1",
        "message_id": "wamid.1",
        "status": status,
        "at": NOON,
        "customer": "+966500000001",
        "callback_data": CALLBACK,
    }
    event = WhatsAppStatusReceived.model_validate(fields | changes)
    return Received(event=event, id=uuid5(UUID(int=7), f"{event.message_id}:{status}"), at=NOON)


def failed(*codes: int, **changes: Any) -> Received[WhatsAppStatusReceived]:
    return a_status("failed", provider_codes=codes, **changes)


async def after(*outcomes: Any) -> tuple[Gateway, HandleStatus]:
    """A gateway that has delivered one message, with these outcomes of its calls."""
    gateway = Gateway.answering(*(outcomes or (TAKEN,)))
    await gateway.process()(approved())
    return gateway, gateway.status_handler()


def kinds(said: Any) -> list[type[Event]]:
    return [type(event) for event in said]


async def test_a_status_that_moves_the_message_is_told() -> None:
    _, follow = await after()

    [updated] = await follow(a_status("delivered"))

    assert updated == MessageStatusUpdated(
        account_id="a1",
        integration_id="i1",
        event_id=EVENT,
        number_id="n1",
        message_id="wamid.1",
        status="delivered",
        at=NOON,
        customer="+966500000001",
        customer_key="c1",
    )


async def test_a_status_that_comes_too_late_to_move_it_is_not_told() -> None:
    _, follow = await after()
    await follow(a_status("read"))

    assert await follow(a_status("delivered")) == []


async def test_a_status_that_is_delivered_again_says_the_same_under_the_same_id() -> None:
    _, follow = await after()
    told = a_status("read")

    first, again = await follow(told), await follow(told)

    assert first == again
    assert [event.derived_id(told.id) for event in first] == [event.derived_id(told.id) for event in again]


async def test_a_status_without_our_callback_data_is_matched_by_the_messages_id() -> None:
    _, follow = await after()

    [updated] = await follow(a_status("sent", callback_data=None))

    assert isinstance(updated, MessageStatusUpdated)


async def test_callback_data_that_we_did_not_sign_proves_nothing() -> None:
    gateway, follow = await after()
    forged = callback_from(EVENT, Pseudonyms(b"x" * 32))

    with pytest.raises(RetryLater):
        await follow(a_status("failed", callback_data=forged, message_id="wamid.other"))

    assert gateway.decisions.released == set()


async def test_a_status_that_belongs_to_nothing_yet_is_parked_and_at_last_recorded() -> None:
    gateway = Gateway()
    follow = gateway.status_handler()
    early = a_status("sent", callback_data=None)

    with pytest.raises(RetryLater):
        await follow(early)
    gateway.world.elapsed += 120
    [unmatched] = await follow(early)

    assert isinstance(unmatched, WhatsAppStatusUnmatched)
    assert (unmatched.message_id, unmatched.status) == ("wamid.1", "sent")


async def test_a_parked_status_finds_its_message_once_the_answer_is_there() -> None:
    gateway = Gateway.answering(TAKEN)
    follow = gateway.status_handler()
    early = a_status("sent", callback_data=None)
    with pytest.raises(RetryLater):
        await follow(early)

    await gateway.process()(approved())

    assert kinds(await follow(early)) == [MessageStatusUpdated]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        pytest.param(a_status("sent"), "sent", id="it was sent"),
        pytest.param(a_status("delivered"), "sent", id="it was delivered"),
        pytest.param(a_status("read"), "sent", id="it was read"),
        pytest.param(failed(131026), "failed", id="it had failed"),
    ],
)
async def test_a_status_settles_an_unknown_outcome(status: Received[WhatsAppStatusReceived], outcome: str) -> None:
    gateway, follow = await after(OutcomeUnknown("timeout"))

    said = await follow(status)

    [settled] = [event for event in said if isinstance(event, MessageSettled)]
    assert (settled.event_id, settled.outcome, settled.message_id) == (EVENT, outcome, "wamid.1")
    assert gateway.decisions.released == ({str(EVENT)} if outcome == "failed" else set())


async def test_an_outcome_is_settled_once_whatever_comes_later() -> None:
    _, follow = await after(OutcomeUnknown("timeout"))
    first = await follow(a_status("sent"))

    later = [*await follow(a_status("delivered")), *await follow(failed(131026))]

    assert MessageSettled in kinds(first)
    assert MessageSettled not in kinds(later)


async def test_a_known_outcome_needs_no_settling() -> None:
    _, follow = await after()

    assert MessageSettled not in kinds(await follow(a_status("delivered")))


async def test_a_status_before_the_unknown_outcome_was_noted_becomes_the_answer() -> None:
    gateway = Gateway.answering(OutcomeUnknown("timeout"))
    follow = gateway.status_handler()

    async def provider_reports_first(number: Any, outgoing: Any) -> Any:
        await follow(a_status("delivered"))
        return OutcomeUnknown("timeout")

    gateway.provider.send = provider_reports_first  # type: ignore[method-assign]  # a provider that reports early
    answer = answer_in(await gateway.handler()(received(approved())))

    assert (answer.code, answer.message_id) == (AnswerStatus.SENT, "wamid.1")


async def test_a_message_whose_sender_died_is_known_by_its_status() -> None:
    gateway = Gateway()
    gateway.world.dies_at = 5
    with pytest.raises(Crash):
        await gateway.process()(approved())
    await gateway.status_handler()(a_status("delivered"))
    gateway.world.elapsed += 60

    answer = answer_in(await gateway.handler("sender-2")(received(approved())))

    assert (answer.code, answer.message_id) == (AnswerStatus.SENT, "wamid.1")
    assert len(gateway.provider.offered) == 1


async def test_a_failure_after_all_gives_the_quota_back() -> None:
    gateway, follow = await after()

    [updated] = await follow(failed(131026))

    assert isinstance(updated, MessageStatusUpdated)
    assert (updated.status, updated.provider_codes) == ("failed", (131026,))
    assert gateway.decisions.released == {str(EVENT)}


async def test_a_failure_of_what_was_delivered_is_a_conflict_and_still_counts() -> None:
    gateway, follow = await after()
    await follow(a_status("delivered"))

    [updated] = await follow(failed(131026))

    assert isinstance(updated, MessageStatusUpdated)
    assert updated.conflict
    assert gateway.decisions.released == set()


async def test_a_failure_without_a_code_is_a_failure() -> None:
    gateway, follow = await after()

    assert kinds(await follow(failed())) == [MessageStatusUpdated]
    assert gateway.restrictions.kinds() == []


async def test_statuses_of_one_request_are_all_told_in_their_order() -> None:
    _, follow = await after()
    together = [a_status("read", follows="delivered"), a_status("delivered", follows="sent"), a_status("sent")]

    told: list[str] = []
    while together:
        waiting = []
        for status in together:
            try:
                told += [event.status for event in await follow(status) if isinstance(event, MessageStatusUpdated)]
            except RetryLater:
                waiting.append(status)
        together = waiting

    assert told == ["sent", "delivered", "read"]


async def test_a_status_waits_no_longer_for_the_one_that_it_follows_than_for_its_message() -> None:
    gateway, follow = await after()
    read = a_status("read", follows="delivered")
    with pytest.raises(RetryLater) as pause:
        await follow(read)

    gateway.world.elapsed += 120
    [updated] = await follow(read)

    assert isinstance(updated, MessageStatusUpdated)
    assert pause.value.after == timedelta(seconds=1)


async def test_a_status_that_follows_one_that_was_told_before_is_not_deferred() -> None:
    _, follow = await after()
    await follow(a_status("read"))

    assert await follow(a_status("delivered")) == []
    assert await follow(a_status("read", follows="delivered")) != []


@pytest.mark.parametrize("value", ["+966500000001", "SA.77"])
async def test_a_status_that_waited_while_its_customer_was_erased_is_dropped(value: str) -> None:
    gateway, follow = await after()
    gateway.erased.times[Pseudonyms(b"k" * 32).customer_key("a1", value)] = NOON

    dropped = await follow(a_status("read", customer_user_id="SA.77"))
    unmatched = await follow(a_status("sent", message_id="wamid.?", callback_data=None, customer_user_id="SA.77"))

    assert (list(dropped), list(unmatched)) == ([], [])
    message = await gateway.ledger.find(str(EVENT))
    assert message is not None
    assert not message.progress.steps


async def test_a_status_that_arrives_after_an_erasure_is_told() -> None:
    gateway, follow = await after()
    gateway.erased.times[Pseudonyms(b"k" * 32).customer_key("a1", "+966500000001")] = NOON - timedelta(seconds=1)

    assert kinds(await follow(a_status("delivered"))) == [MessageStatusUpdated]
