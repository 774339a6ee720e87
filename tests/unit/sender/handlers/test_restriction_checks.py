"""Before each call the restrictions are looked at again: what they stop, hold, and let through as a trial."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from libs.chassis.settlement import RetryLater
from libs.contracts.errors import ErrorCode
from libs.contracts.results import AnswerStatus
from libs.providers.outcomes import Refused
from tests.unit.sender.fake_world import NOON
from tests.unit.sender.gateway import EVENT, approved, received
from tests.unit.sender.restricted import TEMPLATE, a_gateway, a_template, restricted


@pytest.mark.parametrize(
    ("code", "message", "answer"),
    [
        pytest.param(131026, {}, ("gateway_send_failed", "unreachable"), id="an unreachable customer"),
        pytest.param(131049, {"template": True}, ("policy_violation", "template_rest"), id="a template too soon"),
        pytest.param(131049, {}, None, id="a reply to who got templates enough"),
        pytest.param(131048, {"template": True}, ("policy_violation", "spam"), id="a template of a flagged number"),
        pytest.param(131048, {"event_type": "missed_call"}, ("policy_violation", "spam"), id="its call event"),
        pytest.param(131048, {}, None, id="an agent's reply of a flagged number"),
        pytest.param(131064, {"template": True}, ("policy_violation", "templates"), id="a template misclassified"),
        pytest.param(131064, {}, None, id="a reply while templates are stopped"),
        pytest.param(
            132015, {"template": True}, ("conversation_window_closed", "template_restricted"), id="a paused one"
        ),
        pytest.param(132015, {}, None, id="a text while a template is paused"),
        pytest.param(130497, {}, ("policy_violation", "country"), id="a blocked country"),
        pytest.param(130497, {"customer": "+4915112345678"}, None, id="another country"),
        pytest.param(368, {}, ("policy_violation", "account"), id="a disabled account"),
        pytest.param(131031, {"number_id": "n2"}, ("policy_violation", "account"), id="its other number"),
        pytest.param(131042, {}, ("policy_violation", "payment"), id="an unpaid account"),
        pytest.param(137000, {}, ("policy_violation", "identity_changed"), id="a changed identity"),
        pytest.param(137000, {"customer_key": "c2"}, None, id="another customer"),
    ],
)
async def test_a_restriction_that_came_after_the_approval_stops_the_call(
    code: int, message: dict[str, Any], answer: tuple[str, str] | None
) -> None:
    gateway = a_gateway()
    await restricted(gateway, code)
    template = message.pop("template", False)

    result = await gateway.process()(a_template(**message) if template else approved(**message))

    expected = ("sent", None) if answer is None else answer
    assert (result.code.value, result.details.get("reason")) == expected
    assert len(gateway.provider.offered) == (answer is None)


async def test_a_trial_is_sent_once_and_lifts_the_restriction_when_it_is_taken() -> None:
    gateway = a_gateway()
    await restricted(gateway, 131042)
    gateway.world.elapsed += 3600

    trial = await gateway.process()(approved())
    after = await gateway.process()(approved(event_id=UUID(int=2)))

    assert (trial.code, after.code) == (AnswerStatus.SENT, AnswerStatus.SENT)
    assert ("payment", "w1") not in [
        (row.kind.value, row.subject.key) for row in gateway.restrictions.rows.values() if row.account_id == "a1"
    ]
    assert "restriction.lifted" in gateway.restrictions.names()


async def test_a_trial_that_is_refused_leaves_the_restriction_for_another_hour() -> None:
    gateway = a_gateway()
    await restricted(gateway, 131042)
    gateway.world.elapsed += 3600
    gateway.provider.outcomes = [Refused(code=131042, http_status=400)]

    await gateway.handler()(received(approved()))
    again = await gateway.process()(approved(event_id=UUID(int=2)))

    assert (again.code, again.details["reason"]) == (ErrorCode.POLICY_VIOLATION, "payment")
    assert len(gateway.provider.offered) == 1
    row = next(row for row in gateway.restrictions.rows.values() if row.account_id == "a1")
    assert row.probe_at == NOON + timedelta(hours=2)


# ---------------------------------------------------------------- held messages


async def test_a_message_is_held_while_the_credentials_are_refused_and_sent_when_they_are_not() -> None:
    gateway = a_gateway(Refused(code=190, http_status=401))
    handler = gateway.handler()
    with pytest.raises(RetryLater):
        await handler(received(approved()))

    for _ in range(5):
        gateway.world.elapsed += 5
        with pytest.raises(RetryLater):
            await gateway.handler(f"sender-{_}")(received(approved()))
    gateway.restrictions.rows.clear()
    said = await gateway.handler("sender-9")(received(approved()))

    assert getattr(said[0], "code", None) is AnswerStatus.SENT
    assert len(gateway.provider.offered) == 2
    assert gateway.ledger.entries[str(EVENT)].attempt == 1


async def test_a_hold_uses_neither_a_slot_nor_a_try() -> None:
    gateway = a_gateway()
    await restricted(gateway, 190)
    claims = len(gateway.ledger.claims)

    with pytest.raises(RetryLater):
        await gateway.process()(approved())

    assert len(gateway.ledger.claims) == claims


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        pytest.param({}, 900, id="fifteen minutes after the event"),
        pytest.param({"window_closes_at": NOON + timedelta(seconds=300)}, 300, id="at the window's end"),
        pytest.param(
            {"window_closes_at": NOON + timedelta(seconds=300), "template": TEMPLATE}, 900, id="with a template"
        ),
    ],
)
async def test_a_hold_ends_as_a_failure_in_whatever_process(message: dict[str, Any], seconds: int) -> None:
    gateway = a_gateway()
    await restricted(gateway, 190)
    gateway.world.elapsed = seconds - 1
    with pytest.raises(RetryLater) as pause:
        await gateway.process("sender-2")(approved(**message))
    gateway.world.elapsed = seconds

    result = await gateway.process("sender-3")(approved(**message))

    assert pause.value.after == timedelta(seconds=1)
    assert (result.code, result.details["reason"]) == (ErrorCode.GATEWAY_SEND_FAILED, "credentials_refused")
    assert gateway.provider.offered == []
    assert str(EVENT) in gateway.decisions.released


async def test_a_result_that_was_written_is_told_although_messages_are_held() -> None:
    gateway = a_gateway()
    await gateway.process()(approved())
    await restricted(gateway, 190)

    result = await gateway.process("sender-2")(approved())

    assert result.code is AnswerStatus.SENT


async def test_a_registration_fault_lets_one_message_try_after_an_hour() -> None:
    gateway = a_gateway()
    await restricted(gateway, 133010)
    gateway.world.elapsed += 3600
    late = NOON + timedelta(hours=1)

    first = await gateway.process()(approved(received_at=late))

    assert first.code is AnswerStatus.SENT
    assert gateway.restrictions.kinds() == []


async def test_a_trial_that_is_refused_is_held_and_no_second_one_is_sent() -> None:
    gateway = a_gateway()
    await restricted(gateway, 133010)
    gateway.world.elapsed += 3600
    gateway.provider.outcomes = [Refused(code=133010, http_status=400)]
    late = NOON + timedelta(hours=1)

    with pytest.raises(RetryLater):
        await gateway.process()(approved(received_at=late))
    with pytest.raises(RetryLater):
        await gateway.process("sender-2")(approved(event_id=UUID(int=2), received_at=late))

    assert len(gateway.provider.offered) == 1
