"""Every effect of a refusal is applied, by the answer of a call as by a status, and however often it is told."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest

from libs.chassis.settlement import RetryLater
from libs.chassis.subscriptions import Received
from libs.contracts.callback_data import callback_from
from libs.contracts.errors import ErrorCode
from libs.contracts.events import MessageApproved, WhatsAppStatusReceived
from libs.contracts.results import AnswerStatus
from libs.providers.errors import Effect
from libs.providers.outcomes import Accepted, Refused
from libs.providers.outgoing import OutgoingTemplate, OutgoingText
from libs.store.restrictions import Restriction, RestrictionKind, of_number
from services.sender.domain.restrictions import RULES
from services.sender.handlers.refusal_effects import CONSUMERS
from tests.unit.sender.fake_provider import FakeNumbers
from tests.unit.sender.fake_world import NOON, World
from tests.unit.sender.gateway import EVENT, PSEUDONYMS, Gateway, a_number, approved, received

TAKEN = Accepted(message_id="wamid.1")
TEMPLATE = {"name": "order", "language": "en", "parameters": ["12"]}
NUMBERS = (
    a_number(business_account_id="w1"),
    a_number(id="n2", phone_number_id="1066", business_account_id="w1", sealed_token="other"),
    a_number(id="n3", phone_number_id="1067", account_id="a2", business_account_id="w1", sealed_token="third"),
    a_number(id="n4", phone_number_id="1068", account_id="a3", business_account_id="w2"),
)
"""n2 and n3 are of the same business account as n1; n4 has the same token."""

RESTRICTED: list[tuple[int, list[tuple[str, str]]]] = [
    (131026, [("unreachable", "c1")]),
    (131049, [("template_rest", "n1:c1")]),
    (131048, [("spam", "n1")]),
    (132001, [("template", "w1:order:en"), ("template", "w1:order:en")]),
    (132007, [("template", "w1:order:en"), ("template", "w1:order:en")]),
    (132015, [("template", "w1:order:en"), ("template", "w1:order:en")]),
    (132016, [("template", "w1:order:en"), ("template", "w1:order:en")]),
    (131064, [("templates", "w1"), ("templates", "w1")]),
    (130497, [("country", "w1:SA"), ("country", "w1:SA")]),
    (368, [("account", "w1"), ("account", "w1")]),
    (131031, [("account", "w1"), ("account", "w1")]),
    (131042, [("payment", "w1"), ("payment", "w1")]),
    (131044, [("payment", "w1"), ("payment", "w1")]),
    (137000, [("identity_changed", "n1:c1")]),
]
"""What each code restricts when a template is refused: the kinds and keys, one for each account."""
CREDENTIALS: list[tuple[Refused, list[tuple[str, str]]]] = [
    (Refused(code=190, http_status=401), [("credentials", "n1"), ("credentials", "n4")]),
    (Refused(code=104, http_status=400), [("credentials", "n1"), ("credentials", "n4")]),
    (Refused(code=210, http_status=400), [("credentials", "n1"), ("credentials", "n4")]),
    (Refused(code=131005, http_status=403), [("credentials", "n1"), ("credentials", "n4")]),
    (Refused(code=None, http_status=401), [("credentials", "n1"), ("credentials", "n4")]),
    (Refused(code=None, http_status=403), [("credentials", "n1"), ("credentials", "n4")]),
    (Refused(code=33, http_status=400), [("credentials", "n1")]),
    (Refused(code=None, http_status=302), [("credentials", "n1")]),
    (Refused(code=None, http_status=404), [("credentials", "n1")]),
    (Refused(code=None, http_status=410), [("credentials", "n1")]),
    (Refused(code=133010, http_status=400), [("registration", "n1")]),
    (Refused(code=131037, http_status=400), [("registration", "n1")]),
    (Refused(code=131045, http_status=400), [("registration", "n1")]),
]


def a_gateway(*outcomes: Any, **fields: Any) -> Gateway:
    return Gateway.answering(*outcomes, numbers=FakeNumbers(NUMBERS), **fields)


def a_template(**fields: Any) -> Any:
    return approved(**({"text": "", "template": TEMPLATE} | fields))


def failed_by(*codes: int, at: Any = NOON) -> Received[WhatsAppStatusReceived]:
    event = WhatsAppStatusReceived(
        account_id="a1",
        number_id="n1",
        message_id="wamid.1",
        status="failed",
        at=at,
        customer="+966500000001",
        callback_data=callback_from(EVENT, PSEUDONYMS),
        provider_codes=codes,
    )
    return Received(event=event, id=uuid5(UUID(int=7), "failed"), at=NOON)


def test_every_effect_has_a_consumer() -> None:
    assert set(CONSUMERS) == set(Effect)


@pytest.mark.parametrize(("code", "restricted"), RESTRICTED)
async def test_an_answer_restricts_what_its_code_is_about(code: int, restricted: Sequence[tuple[str, str]]) -> None:
    gateway = a_gateway(Refused(code=code, http_status=400))

    await gateway.handler()(received(a_template()))

    assert gateway.restrictions.kinds() == restricted
    assert {row.cause for row in gateway.restrictions.rows.values()} == {str(code)}


@pytest.mark.parametrize(("code", "restricted"), RESTRICTED)
async def test_a_late_failure_restricts_the_same(code: int, restricted: Sequence[tuple[str, str]]) -> None:
    gateway = a_gateway(TAKEN)
    await gateway.process()(a_template())

    await gateway.status_handler()(failed_by(code))

    assert gateway.restrictions.kinds() == restricted


@pytest.mark.parametrize(
    ("code", "restricted"), [*RESTRICTED, (190, CREDENTIALS[0][1]), (133010, [("registration", "n1")])]
)
async def test_what_is_told_again_restricts_once(code: int, restricted: Sequence[tuple[str, str]]) -> None:
    gateway = a_gateway(TAKEN)
    await gateway.process()(a_template())
    follow, told = gateway.status_handler(), failed_by(code)

    await follow(told)
    events = list(gateway.restrictions.events)
    await follow(told)

    assert gateway.restrictions.events == events
    assert gateway.restrictions.kinds() == restricted


@pytest.mark.parametrize(("answer", "restricted"), CREDENTIALS, ids=lambda value: str(getattr(value, "code", ""))[:8])
async def test_refused_credentials_restrict_the_number_and_where_it_is_the_token_every_number_with_it(
    answer: Refused, restricted: Sequence[tuple[str, str]]
) -> None:
    gateway = a_gateway(answer)

    with pytest.raises(RetryLater):
        await gateway.handler()(received(approved()))

    assert gateway.restrictions.kinds() == restricted


@pytest.mark.parametrize("kind", [rule.kind for rule in RULES.values()])
async def test_every_kind_of_restriction_is_caused_by_a_code(kind: RestrictionKind) -> None:
    told = {name for _, rows in RESTRICTED for name, _ in rows} | {name for _, rows in CREDENTIALS for name, _ in rows}

    assert kind.value in told


@pytest.mark.parametrize(
    ("code", "lasts", "probe"),
    [
        (131026, timedelta(days=7), None),
        (131049, timedelta(hours=24), None),
        (137000, timedelta(days=30), None),
        (131042, None, timedelta(hours=1)),
        (131064, None, timedelta(hours=24)),
        (131048, None, None),
        (368, None, None),
    ],
)
async def test_a_restriction_has_its_end_and_its_trial(
    code: int, lasts: timedelta | None, probe: timedelta | None
) -> None:
    gateway = a_gateway(TAKEN)
    await gateway.process()(a_template())

    await gateway.status_handler()(failed_by(code))

    row = next(iter(gateway.restrictions.rows.values()))
    assert (row.until, row.probe_at) == (lasts and NOON + lasts, probe and NOON + probe)


async def test_a_stopped_business_account_is_told_of_each_of_its_numbers() -> None:
    gateway = a_gateway(TAKEN)
    await gateway.process()(approved())

    await gateway.status_handler()(failed_by(131031))

    names = gateway.restrictions.names()
    assert sorted(names) == ["number.paused"] * 3 + ["restriction.added"] * 2
    assert len({event.id for event in gateway.restrictions.events}) == 5


async def test_a_restriction_of_an_unknown_business_account_holds_the_number_alone() -> None:
    gateway = Gateway.answering(TAKEN, numbers=FakeNumbers((a_number(), a_number(id="n2", phone_number_id="2"))))
    await gateway.process()(approved())

    await gateway.status_handler()(failed_by(368))

    assert gateway.restrictions.kinds() == [("account", "n1")]


async def test_a_text_refused_for_a_template_restricts_no_template() -> None:
    gateway = a_gateway(Refused(code=132001, http_status=400))

    await gateway.handler()(received(approved()))

    assert gateway.restrictions.kinds() == []


async def test_a_customer_who_got_the_message_on_one_device_is_not_unreachable() -> None:
    gateway = a_gateway(TAKEN)
    await gateway.process()(approved())
    delivered = failed_by()
    await gateway.status_handler()(replace(delivered, event=delivered.event.model_copy(update={"status": "delivered"})))

    await gateway.status_handler()(failed_by(131026))

    assert gateway.restrictions.kinds() == []


async def test_whatsapps_own_block_of_the_business_suppresses_the_customer() -> None:
    gateway = a_gateway(Refused(code=130403, http_status=400))

    said = await gateway.handler()(received(approved()))

    assert getattr(said[0], "code", None) is ErrorCode.RECIPIENT_SUPPRESSED
    assert gateway.suppressions.rows["c1"].kind == "provider_block"
    assert getattr(said[1], "kind", None) == "provider_block"


# ---------------------------------------------------------------- before each call


def a_restriction(kind: RestrictionKind, **fields: Any) -> Restriction:
    given: dict[str, Any] = {
        "id": "res_1",
        "account_id": "a1",
        "subject": of_number("n1"),
        "kind": kind,
        "cause": "190",
        "since": NOON - timedelta(hours=2),
    }
    return Restriction(**(given | fields))


async def restricted(gateway: Gateway, code: int, **fields: Any) -> None:
    """Restrict as a status with `code` does, and forget the message that led to it."""
    await gateway.process()(a_template(event_id=UUID(int=77)))
    status = failed_by(code, **fields)
    event = status.event.model_copy(update={"callback_data": callback_from(UUID(int=77), PSEUDONYMS)})
    await gateway.status_handler()(replace(status, event=event))
    gateway.provider.offered.clear()


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


# ---------------------------------------------------------------- a closed window


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
