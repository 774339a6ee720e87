"""Customers without a phone number in 3CX's chat: pseudo numbers, and the question for the number."""

import asyncio

import pytest

from tests.e2e.chat_desk import (
    ASKED,
    NOTE,
    a_customer_without_a_phone,
    a_desk,
    any_line,
)
from tests.e2e.driver import Gateway
from tests.e2e.test_evolution import a_shop
from tests.e2e.waiting import eventually
from tools.simulator.faults import Fault, FaultStep, Match

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_customer_without_a_phone_has_a_pseudo_number_until_the_erasure(gateway: Gateway) -> None:
    async with a_desk(gateway) as desk:
        user_id = f"SA.{desk.threecx.port}{desk.threecx.main_number[1:]}"
        await gateway.whatsapp.inbound(desk.integration.number, None, ASKED, user_id=user_id)
        await eventually(lambda: any_line(desk))
        [line] = desk.threecx.lines

        answered = await desk.agent_writes(line.customer)
        await gateway.whatsapp.inbound(desk.integration.number, None, "Thank you", user_id=user_id)
        again = await desk.threecx.wait_for_line(line.customer, "Thank you")
        [message] = await gateway.whatsapp.messages(phone_number_id=desk.integration.number)
        stranger = await desk.agent_writes("+99900000000000")
        about = {"account_id": desk.integration.account_id, "user_id": user_id, "reason": "asked"}
        export = await gateway.done("POST", "/subject-exports", about)
        await gateway.done("POST", "/erasures", about)
        gone = await desk.agent_writes(line.customer, "Are you there?")
        gateway.integrations.remove(desk.integration)  # the ledger check compares message ids, and one was erased

        assert line.customer.startswith("+999")
        assert len(line.customer) == 15
        assert (answered.shown, message.to) == ("sent", user_id)
        assert again is not None
        assert export["chat_numbers"] == [{"integration_id": desk.integration.id, "number": line.customer}]
        for refused in (stranger, gone):
            assert (refused.status, refused.body["error"]) == (422, "missing_phone")
            assert refused.body["details"]["field"] == "to"


async def test_an_agent_asks_for_the_phone_number_and_the_chat_goes_on_under_it(gateway: Gateway) -> None:
    async with a_desk(gateway, chat_commands=True, chat_repeat_seconds=0) as desk:
        user_id, pseudo_number = await a_customer_without_a_phone(desk)
        phone = gateway.a_customer()

        asked = await desk.agent_writes(pseudo_number, "/contact May we have your number?")
        contact = {"origin": "contact_request", "phones": [{"phone": phone, "wa_id": phone.removeprefix("+")}]}
        await gateway.whatsapp.inbound(
            desk.integration.number, None, user_id=user_id, type="contacts", raw={"contacts": [contact]}
        )
        await gateway.wait_for_records(account_id=desk.integration.account_id, type="whatsapp.identity_changed")

        async def known() -> bool:
            await gateway.whatsapp.inbound(desk.integration.number, None, "Here I am", user_id=user_id)
            return "Here I am" in desk.threecx.chat_with(phone)

        await eventually(known, pause=0.3)
        answered = await desk.agent_writes(phone)
        [question, _] = await gateway.whatsapp.messages(phone_number_id=desk.integration.number)

        assert (asked.shown, answered.shown) == ("sent", "sent")
        assert (question.type, question.to) == ("interactive", user_id)
        assert question.content["interactive"]["type"] == "request_contact_info"
        assert question.content["interactive"]["body"] == {"text": "May we have your number?"}


async def test_a_customer_is_asked_for_the_phone_number_once_in_thirty_days_whichever_replica_is_asked(
    gateway: Gateway,
) -> None:
    async with a_desk(gateway, chat_commands=True, chat_repeat_seconds=0) as desk:
        user_id, pseudo_number = await a_customer_without_a_phone(desk)
        words = [f"/contact Your number, please ({number})" for number in range(4)]

        asked = await asyncio.gather(*(desk.agent_writes(pseudo_number, text) for text in words))
        note = await desk.sees(pseudo_number, "asked for the phone number lately")
        sent = await gateway.whatsapp.messages(to=user_id)

        assert sorted(each.shown for each in asked) == ["failed"] * 3 + ["sent"]
        assert {each.body["error"] for each in asked if each.shown == "failed"} == {"sending_throttled"}
        assert note.startswith(f"{NOTE}not sent, the customer was asked")
        assert [message.type for message in sent] == ["interactive"]


async def test_a_request_that_whatsapp_refuses_may_be_made_again(gateway: Gateway) -> None:
    async with a_desk(gateway, chat_commands=True, chat_repeat_seconds=0) as desk:
        _, pseudo_number = await a_customer_without_a_phone(desk)
        match = Match(phone_number_id=desk.integration.number, times=1)
        await gateway.whatsapp.script(FaultStep(match=match, fault=Fault(kind="error", code=131009)))

        refused = await desk.agent_writes(pseudo_number, "/contact Your number, please")
        asked = await desk.agent_writes(pseudo_number, "/contact Your number, please")

        assert (refused.body["error"], asked.shown) == ("gateway_send_failed", "sent")


async def test_an_evolution_server_cannot_ask_for_the_phone_number_and_the_agent_is_told(gateway: Gateway) -> None:
    async with a_shop(gateway) as shop, a_desk(gateway, shop.integration, chat_commands=True) as desk:
        customer = gateway.a_customer()
        assert await shop.customer_writes(customer, ASKED, f"3A{customer[1:]}") == 200
        await desk.sees(customer, ASKED)

        asked = await desk.agent_writes(customer, "/contact Your number, please")

        assert (asked.shown, asked.body["error"]) == ("failed", "gateway_send_failed")
        await desk.sees(customer, f"{NOTE}not sent")
        assert shop.server.sent == []
