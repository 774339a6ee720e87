"""Decisions about what agents write in 3CX's chat: its two numbers, commands, and the number that it is sent from."""

from typing import Any
from uuid import UUID

import pytest

from libs.contracts.errors import ErrorCode
from libs.contracts.events import CHAT_DIALECT, ChatParties, MessageApproved, WebhookAnswered, WebhookReceived
from libs.contracts.results import AnswerStatus
from libs.store.conversations import SuppressionKind
from services.policy.handlers.run_chat_command import RunChatCommand
from tests.builders import PHONE, a_webhook, received, stored
from tests.unit.policy.fakes import FakeDecisions, FakeDirectory
from tests.unit.policy.inbound import BY_PHONE, InboundMessages, suppressed
from tests.unit.policy.test_decide_webhook import a_decide_webhook
from tests.unit.policy.test_notify_chats import MAIN, a_chat

BLOCK = "blocked"
OTHER_EVENT = UUID(int=9)


def written(**payload: Any) -> WebhookReceived:
    known = {"from_": MAIN, "to": PHONE}
    return a_webhook(**(known | payload)).model_copy(update={"dialect": CHAT_DIALECT})


async def decided(webhook: WebhookReceived, decisions: FakeDecisions | None = None, **settings: Any) -> Any:
    directory = FakeDirectory(integrations={"int_1": a_chat(**settings)})
    return await a_decide_webhook(decisions, directory)(received(webhook))


async def test_a_message_of_the_chat_is_decided_as_any_other_and_names_its_chat() -> None:
    event = await decided(written())

    assert isinstance(event, MessageApproved)
    assert event.chat == ChatParties(customer=PHONE, main_number=MAIN)
    assert (event.customer, event.number_id) == (PHONE, "num_1")
    assert "chat_is_between_known_numbers" in [line.rule for line in event.receipt]


async def test_a_message_from_elsewhere_has_no_rule_and_no_word_of_the_chat() -> None:
    event = await a_decide_webhook()(received(a_webhook()))

    assert isinstance(event, MessageApproved)
    assert event.chat is None
    assert not any("chat" in line.rule for line in event.receipt)


async def test_the_main_number_chooses_the_whatsapp_number() -> None:
    decisions = FakeDecisions()

    event = await decided(written(from_="+4930999"), decisions, chat_numbers={MAIN: "num_1", "+4930999": "num_2"})

    assert isinstance(event, MessageApproved)
    assert event.number_id == "num_2"
    assert {question.number_id for question in decisions.questions} == {"num_2"}


REFUSED = {
    "an unknown main number": ({"from_": "+4930999"}, "from"),
    "no main number": ({"from_": None}, "from"),
    "a customer without a plus": ({"to": "966512345678"}, "to"),
    "an extension": ({"to": "101"}, "to"),
    "an unknown pseudo number": ({"to": "+99912345678901"}, "to"),
    "nobody": ({"to": None}, "to"),
    "our own number": ({"to": MAIN}, "to"),
}


@pytest.mark.parametrize(("payload", "field"), REFUSED.values(), ids=REFUSED)
async def test_a_chat_with_nobody_is_refused_with_the_field(payload: dict[str, Any], field: str) -> None:
    event = await decided(written(**payload))

    assert isinstance(event, WebhookAnswered)
    assert (event.code, event.details["field"]) == (ErrorCode.MISSING_PHONE, field)
    assert event.chat is not None
    assert event.routing_key == "result.ingress-1.missing_phone.chat"


@pytest.mark.parametrize("command", ["stop", "why"])
async def test_a_command_is_recorded_and_sends_nothing(command: str) -> None:
    event = await decided(written(text=None, command=command), FakeDecisions(known=stored(wrote=None)))

    assert isinstance(event, WebhookAnswered)
    assert (event.code, event.details) == (AnswerStatus.RECORDED, {"command": command})


async def test_an_unknown_command_is_refused_with_the_commands() -> None:
    event = await decided(written(text=None, command="unknown"))

    assert isinstance(event, WebhookAnswered)
    assert event.code is ErrorCode.MISSING_MESSAGE_TEXT
    assert event.details["commands"] == ["template", "contact", "stop", "why"]


def a_desk(inbound: InboundMessages, **settings: Any) -> RunChatCommand:
    directory = FakeDirectory(integrations={"int_1": a_chat(**settings)})
    return RunChatCommand(a_decide_webhook(directory=directory), inbound.suppressions, inbound.customer_identities)


async def test_stop_blocks_the_customer_once_before_it_is_answered() -> None:
    inbound = InboundMessages()
    run = a_desk(inbound)
    stop = received(written(text=None, command="stop"))

    first, again = await run(stop), await run(stop)

    assert isinstance(first, tuple)
    added, event = first
    assert (added.kind, added.source, added.reason, added.actor) == (BLOCK, "operator", "agent", "agent")
    assert (added.customer, added.customer_key) == (PHONE, BY_PHONE)
    assert isinstance(event, WebhookAnswered)
    assert again == first
    assert suppressed(inbound, SuppressionKind.BLOCKED) == {BY_PHONE}


async def test_a_customer_who_is_blocked_already_is_not_told_about_again() -> None:
    run = a_desk(InboundMessages())

    await run(received(written(text=None, command="stop")))
    second = await run(received(written(text=None, command="stop"), id=OTHER_EVENT))

    assert isinstance(second, tuple)
    assert [type(event) for event in second] == [WebhookAnswered]


async def test_stop_in_a_chat_with_nobody_blocks_nobody() -> None:
    inbound = InboundMessages()

    event = await a_desk(inbound)(received(written(to="101", text=None, command="stop")))

    assert isinstance(event, WebhookAnswered)
    assert event.code is ErrorCode.MISSING_PHONE
    assert inbound.suppressions.rows == {}
