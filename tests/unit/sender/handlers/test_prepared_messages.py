"""What cannot be sent is not offered, and a message goes as text or as its template."""

from datetime import timedelta
from typing import Any

import pytest

from libs.contracts.errors import ErrorCode
from libs.contracts.results import AnswerStatus
from libs.providers.outgoing import OutgoingTemplate, OutgoingText
from tests.unit.sender.fake_provider import FakeNumbers
from tests.unit.sender.fake_world import NOON
from tests.unit.sender.gateway import Gateway, a_number, approved


@pytest.mark.parametrize(
    ("changes", "number", "code", "reason"),
    [
        pytest.param({"number_id": "n9"}, {}, ErrorCode.GATEWAY_SEND_FAILED, "unknown_number", id="an unknown number"),
        pytest.param({}, {"paused": True}, ErrorCode.POLICY_VIOLATION, "number_paused", id="a paused number"),
        pytest.param(
            {}, {"provider": "evolution"}, ErrorCode.GATEWAY_SEND_FAILED, "provider_not_supported", id="no provider"
        ),
        pytest.param(
            {"window_closes_at": NOON},
            {},
            ErrorCode.CONVERSATION_WINDOW_CLOSED,
            "window_closed_while_waiting",
            id="a window that closed while the message waited",
        ),
        pytest.param(
            {"template": {"language": "en"}}, {}, ErrorCode.GATEWAY_SEND_FAILED, "template_unusable", id="no template"
        ),
    ],
)
async def test_what_cannot_go_is_not_offered(
    changes: dict[str, Any], number: dict[str, Any], code: ErrorCode, reason: str
) -> None:
    gateway = Gateway(numbers=FakeNumbers((a_number(**number),)))

    result = await gateway.process()(approved(**changes))

    assert (result.code, result.details["reason"]) == (code, reason)
    assert gateway.provider.offered == []
    assert gateway.decisions.times == 1


async def test_a_token_that_cannot_be_opened_is_the_operators_problem_not_a_crash() -> None:
    gateway = Gateway(numbers=FakeNumbers((a_number(),), unreadable=frozenset({"n1"})))

    result = await gateway.process()(approved())

    assert (result.code, result.details["reason"]) == (ErrorCode.GATEWAY_SEND_FAILED, "token_unreadable")


async def test_a_template_goes_out_even_when_the_window_is_closed() -> None:
    gateway = Gateway()
    template = {"name": "reopen", "language": "ar", "parameters": ["Noor"]}

    result = await gateway.process()(approved(template=template, window_closes_at=NOON))

    [offered] = gateway.provider.offered
    assert result.code is AnswerStatus.SENT
    assert isinstance(offered, OutgoingTemplate)
    assert (offered.name, offered.language, offered.parameters) == ("reopen", "ar", ("Noor",))
    assert result.details == {"delivery": "template", "template": "reopen", "language": "ar"}


async def test_a_text_with_a_template_at_hand_goes_as_text_while_the_window_is_open() -> None:
    gateway = Gateway()
    template = {"name": "reopen", "language": "ar"}

    await gateway.process()(approved(template=template, window_closes_at=NOON + timedelta(seconds=1)))

    [offered] = gateway.provider.offered
    assert isinstance(offered, OutgoingText)


async def test_a_text_to_a_customer_who_never_wrote_goes_as_the_template() -> None:
    gateway = Gateway()

    await gateway.process()(approved(template={"name": "reopen", "language": "ar"}, window_closes_at=None))

    [offered] = gateway.provider.offered
    assert isinstance(offered, OutgoingTemplate)
