"""Sends over real sockets: what is accepted, refused and remembered."""

from typing import Any

import pytest

from tests.integration.simulator.world import BEARER, CUSTOMER, NUMBER, Callback, WhatsApp, running
from tools.simulator.simulator_state import SimulatorSettings


async def test_a_send_is_answered_and_remembered(whatsapp: WhatsApp) -> None:
    status, answer = await whatsapp.send(biz_opaque_callback_data="gw1:1")

    assert status == 200
    (message,) = await whatsapp.control.messages(callback="gw1:1")
    assert answer["messages"] == [{"id": message.id}]
    assert (message.order, message.to, message.text) == (1, CUSTOMER, "Hi")
    assert await whatsapp.control.messages(to="966599999999") == []


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no header"),
        pytest.param({"Authorization": "Bearer "}, id="an empty token"),
        pytest.param({"Authorization": "Basic token"}, id="another scheme"),
    ],
)
async def test_a_send_without_token_is_refused_with_190(whatsapp: WhatsApp, headers: dict[str, str]) -> None:
    status, answer = await whatsapp.send(headers=headers)

    assert status == 401
    assert (answer["error"]["code"], answer["error"]["type"]) == (190, "OAuthException")
    assert (await whatsapp.control.stats()).accepted == 0


async def test_a_faulty_send_gets_metas_envelope_and_is_counted(whatsapp: WhatsApp) -> None:
    status, answer = await whatsapp.send(text={})

    assert status == 400
    assert answer["error"]["code"] == 131008
    assert "text['body']" in answer["error"]["error_data"]["details"]
    assert answer["error"]["fbtrace_id"]
    assert [request.outcome for request in await whatsapp.control.requests()] == ["error:131008"]


async def test_only_known_numbers_and_tokens_are_served_when_they_are_listed() -> None:
    settings = SimulatorSettings(phone_number_ids=(NUMBER,), access_tokens=("token",))
    async with running(settings) as simulator:
        known = await simulator.send()
        unknown = await simulator.send(number="1")
        stranger = await simulator.send(headers={"Authorization": "Bearer other"})

    assert known[0] == 200
    assert (unknown[0], unknown[1]["error"]["code"], unknown[1]["error"]["error_subcode"]) == (400, 100, 33)
    assert (stranger[0], stranger[1]["error"]["code"]) == (401, 190)


async def test_a_mark_as_read_succeeds_and_is_no_message(whatsapp: WhatsApp, callback: Callback) -> None:
    wamid = await whatsapp.control.inbound(NUMBER, CUSTOMER)

    answered = await whatsapp.send(status="read", message_id=wamid, typing_indicator={"type": "text"})

    assert answered == (200, {"success": True})
    assert await whatsapp.control.messages() == []
    assert callback.statuses == []


@pytest.mark.parametrize(
    ("typing", "outcome"), [({"type": "text"}, "typing"), ({"type": "voice"}, "error:131009"), (None, "error:131009")]
)
async def test_a_read_may_show_typing_of_a_text_alone(whatsapp: WhatsApp, typing: Any, outcome: str) -> None:
    wamid = await whatsapp.control.inbound(NUMBER, CUSTOMER)

    await whatsapp.send(status="read", message_id=wamid, typing_indicator=typing)

    [request] = await whatsapp.control.requests()
    assert request.outcome == outcome


QUESTION = {
    "type": "request_contact_info",
    "body": {"text": "Your number?"},
    "action": {"name": "request_contact_info"},
}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        pytest.param({}, 200, id="as Meta wants it"),
        pytest.param({"action": {"name": "share"}}, 400, id="another action"),
        pytest.param({"action": {"name": "request_contact_info", "buttons": []}}, 400, id="buttons too"),
        pytest.param({"body": {"text": ""}}, 400, id="no text"),
        pytest.param({"body": {"text": "a" * 1_025}}, 400, id="1,025 characters"),
    ],
)
async def test_the_question_for_the_phone_number_is_checked(
    whatsapp: WhatsApp, changes: dict[str, Any], status: int
) -> None:
    answered, _ = await whatsapp.send(type="interactive", interactive=QUESTION | changes)

    assert answered == status


DELETIONS = {
    "a deletion": ("?messaging_product=whatsapp&bsuid=SA.1", BEARER, 200),
    "no product": ("?bsuid=SA.1", BEARER, 400),
    "no user id": ("?messaging_product=whatsapp", BEARER, 400),
    "no token": ("?messaging_product=whatsapp&bsuid=SA.1", {}, 401),
}


@pytest.mark.parametrize(("query", "headers", "status"), DELETIONS.values(), ids=DELETIONS)
async def test_an_entry_of_the_contact_book_is_deleted_by_its_user_id(
    whatsapp: WhatsApp, query: str, headers: dict[str, str], status: int
) -> None:
    url = f"{whatsapp.url}/v23.0/{NUMBER}/contact_book{query}"

    async with whatsapp.session.delete(url, headers=headers) as answer:
        body = await answer.json()

    assert (answer.status, body.get("success", False)) == (status, status == 200)
    deleted = await whatsapp.control.contact_book_deletions()
    assert deleted == ([(NUMBER, "SA.1")] if status == 200 else [])
