"""What WhatsApp refuses in one form is sent once in another: the planned template, or to the phone number."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from libs.chassis.settlement import RetryLater
from libs.contracts.callback_data import callback_from
from libs.contracts.errors import ErrorCode
from libs.contracts.events import MessageApproved
from libs.contracts.results import AnswerStatus
from libs.providers.outcomes import Refused
from libs.providers.outgoing import OutgoingTemplate, OutgoingText
from tests.unit.sender.fake_provider import FakeNumbers
from tests.unit.sender.fake_world import NOON, World
from tests.unit.sender.gateway import EVENT, PSEUDONYMS, Gateway, a_number, approved
from tests.unit.sender.restricted import TAKEN, TEMPLATE, a_gateway, a_template, failed_by


async def test_a_closed_window_is_answered_with_the_planned_template() -> None:
    gateway = a_gateway(Refused(code=131047, http_status=400))
    both = approved(template=TEMPLATE, window_closes_at=NOON + timedelta(hours=1))

    result = await gateway.process()(both)

    assert [type(each) for each in gateway.provider.offered] == [OutgoingText, OutgoingTemplate]
    assert (result.code, result.details["template"]) == (AnswerStatus.SENT, "order")
    assert gateway.conversations.closed == {("n1", "c1"): NOON}
    assert gateway.ledger.entries[str(EVENT)].attempt <= 2


@pytest.mark.parametrize("step", range(1, 30))
async def test_a_crash_on_the_way_to_the_template_sends_nothing_twice(step: int) -> None:
    gateway = a_gateway(Refused(code=131047, http_status=400), world=World(dies_at=step))
    both = approved(template=TEMPLATE, window_closes_at=NOON + timedelta(hours=1))

    await gateway.until_done(gateway.process(), both)

    assert len(gateway.provider.took) <= 1


async def test_a_refused_template_is_not_answered_with_itself() -> None:
    gateway = a_gateway(Refused(code=131047, http_status=400))

    result = await gateway.process()(a_template())

    assert result.code is ErrorCode.CONVERSATION_WINDOW_CLOSED
    assert len(gateway.provider.offered) == 1


async def test_messages_that_were_held_wait_for_a_slot_and_new_ones_are_told_to_come_again() -> None:
    gateway = Gateway.answering(numbers=FakeNumbers((a_number(messages_per_second=0.01),)))
    gateway.world.elapsed = 60
    await gateway.process()(approved(event_id=UUID(int=2), customer_key="c2"))

    with pytest.raises(RetryLater) as pause:
        await gateway.process()(approved())
    fresh = await gateway.process()(approved(event_id=UUID(int=3), received_at=NOON + timedelta(seconds=60)))

    assert pause.value.after is not None
    assert pause.value.after >= timedelta(seconds=90)
    assert fresh.code is ErrorCode.SENDING_THROTTLED


async def test_a_window_that_turns_out_closed_is_answered_once_with_the_planned_template() -> None:
    gateway = a_gateway(TAKEN)
    both = approved(template=TEMPLATE, window_closes_at=NOON + timedelta(hours=1))
    first = await gateway.process()(both)
    follow, told = gateway.status_handler(), failed_by(131047)

    [replacement, again] = [
        next(event for event in await follow(told) if isinstance(event, MessageApproved)) for _ in range(2)
    ]
    results = [await gateway.process(f"sender-{n}")(replacement) for n in (2, 3)]

    assert replacement == again
    assert (replacement.replaces, replacement.text, replacement.reply_to) == (EVENT, "", "sender")
    assert [type(each) for each in gateway.provider.took] == [OutgoingText, OutgoingTemplate]
    assert results[0] == results[1]
    assert results[0].details["template"] == "order"
    assert await gateway.process()(both) == first
    assert gateway.decisions.released == set()


async def test_a_replacement_that_fails_is_not_replaced() -> None:
    gateway = a_gateway(TAKEN)
    await gateway.process()(approved(template=TEMPLATE, window_closes_at=NOON + timedelta(hours=1)))
    follow = gateway.status_handler()
    [replacement] = [event for event in await follow(failed_by(131047)) if isinstance(event, MessageApproved)]
    await gateway.process()(replacement)
    callback = callback_from(replacement.event_id, PSEUDONYMS)
    late = failed_by(131047)

    said = await follow(
        replace(late, event=late.event.model_copy(update={"callback_data": callback, "message_id": "wamid.2"}))
    )

    assert not [event for event in said if isinstance(event, MessageApproved)]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        pytest.param({}, 131047, id="a text without a template"),
        pytest.param({"text": "", "template": TEMPLATE}, 131047, id="a template"),
        pytest.param({"template": TEMPLATE, "window_closes_at": NOON + timedelta(hours=1)}, 131026, id="another code"),
    ],
)
async def test_a_failure_that_no_other_form_would_mend_is_not_replaced(message: dict[str, Any], code: int) -> None:
    gateway = a_gateway(TAKEN)
    await gateway.process()(approved(**message))

    said = await gateway.status_handler()(failed_by(code))

    assert not [event for event in said if isinstance(event, MessageApproved)]
    assert str(EVENT) in gateway.decisions.released


async def test_what_was_delivered_on_one_device_is_not_replaced() -> None:
    gateway = a_gateway(TAKEN)
    await gateway.process()(approved(template=TEMPLATE, window_closes_at=NOON + timedelta(hours=1)))
    delivered = failed_by()
    follow = gateway.status_handler()
    await follow(replace(delivered, event=delivered.event.model_copy(update={"status": "delivered"})))

    said = await follow(failed_by(131047))

    assert not [event for event in said if isinstance(event, MessageApproved)]


# ---------------------------------------------------------------- a user id that does not do

TO_USER_ID = {"customer": None, "customer_user_id": "SA.1"}


async def test_a_message_that_no_user_id_does_for_is_tried_once_with_the_phone_number() -> None:
    gateway = a_gateway(Refused(code=131062, http_status=400))

    result = await gateway.process()(approved(linked_phone="+966500000001", **TO_USER_ID))

    assert [each.to.phone for each in gateway.provider.offered] == [None, "+966500000001"]
    assert result.code is AnswerStatus.SENT


async def test_it_is_tried_with_the_phone_number_once() -> None:
    gateway = a_gateway(*[Refused(code=131062, http_status=400)] * 3)

    result = await gateway.process()(approved(linked_phone="+966500000001", **TO_USER_ID))

    assert result.code is ErrorCode.GATEWAY_SEND_FAILED
    assert len(gateway.provider.offered) == 2


async def test_without_a_known_phone_number_it_is_refused() -> None:
    gateway = a_gateway(Refused(code=131062, http_status=400))

    result = await gateway.process()(approved(**TO_USER_ID))

    assert (result.code, result.details["provider_code"]) == (ErrorCode.GATEWAY_SEND_FAILED, 131062)
    assert len(gateway.provider.offered) == 1


async def test_a_template_that_turns_out_to_need_the_phone_number_is_sent_to_it_once() -> None:
    gateway = a_gateway(TAKEN)
    await gateway.process()(a_template(linked_phone="+966500000001", **TO_USER_ID))

    said = await gateway.status_handler()(failed_by(131062))
    [replacement] = [event for event in said if isinstance(event, MessageApproved)]
    await gateway.process()(replacement)

    assert [each.to.phone for each in gateway.provider.took] == [None, "+966500000001"]
