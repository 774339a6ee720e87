"""WhatsApp in 3CX's own chat over two replicas: lines in, messages out, and what 3CX does not get to know."""

import asyncio
from typing import Any

import pytest

from tests.e2e.chat_desk import (
    ANSWERED,
    ASKED,
    a_desk,
    has_lines,
    tried,
)
from tests.e2e.driver import Gateway, Integration
from tests.e2e.test_evolution import a_shop
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_customer_writes_and_an_agent_answers_in_the_chat(gateway: Gateway) -> None:
    async with a_desk(gateway) as desk:
        customer = await desk.customer_writes()

        sent = await desk.agent_writes(customer)

        assert (sent.shown, sent.body["status"]) == ("sent", "sent")
        assert sent.body["data"]["id"] == sent.body["message_id"]
        assert await desk.received_by(customer) == [ANSWERED]
        assert desk.threecx.refused == []


async def test_several_lines_of_one_3cx_are_several_numbers(gateway: Gateway) -> None:
    async with a_desk(gateway) as desk:
        second = await gateway.done(
            "POST",
            f"/accounts/{desk.integration.account_id}/instances",
            {"provider": "cloud_api", "phone_number_id": f"2{desk.integration.number}", "access_token": "EAA-second"},
        )
        numbers = {"+4930999": desk.integration.instance_id, desk.threecx.main_number: second["id"]}
        await gateway.done("PATCH", f"/integrations/{desk.integration.id}", {"chat_numbers": numbers})
        gateway.integrations.remove(desk.integration)  # the ledger check looks at one number of each integration
        other = Integration(
            desk.integration.id, desk.integration.account_id, second["id"], f"2{desk.integration.number}", ""
        )
        customer = gateway.a_customer()

        async def shown() -> bool:  # policy's cache is some seconds old at most
            await gateway.customers_write(other, [customer], text=ASKED)
            return ASKED in desk.threecx.chat_with(customer)

        await eventually(shown)
        sent = await desk.agent_writes(customer)
        [message] = await gateway.whatsapp.messages(to=customer.removeprefix("+"))

        assert (sent.shown, message.phone_number_id) == ("sent", other.number)


async def test_every_kind_of_message_is_a_line(gateway: Gateway) -> None:
    shown = {
        "image": "[picture] Look",
        "button": "Look",
        "interactive": "Look",
        "reaction": "reacted Look",
        "location": "[location] Look, 24.7136, 46.6753",
        "contacts": "[contact] Look",
        "unsupported": "[a message that WhatsApp cannot show here]",
    }
    async with a_desk(gateway) as desk:
        customer = gateway.a_customer()
        for kind in shown:
            await gateway.customers_write(desk.integration, [customer], text="Look", type=kind)
        await eventually(lambda: has_lines(desk, len(shown)))
        lines = desk.threecx.chat_with(customer)

        for kind, text in shown.items():
            assert any(line == text or line.startswith(f"{text}\nhttp") for line in lines), kind


async def test_the_same_message_at_two_replicas_at_once_reaches_the_customer_once(gateway: Gateway) -> None:
    async with a_desk(gateway) as desk:
        customer = await desk.customer_writes()

        sent = await asyncio.gather(*(desk.agent_writes(customer, at=at % 2) for at in range(6)))

        assert {each.shown for each in sent} == {"sent"}
        assert len({each.body["event_id"] for each in sent}) == 1
        assert await desk.received_by(customer) == [ANSWERED]


async def test_a_webhook_of_3cx_that_is_away_gets_the_line_later_under_the_same_id(gateway: Gateway) -> None:
    async with a_desk(gateway) as desk:
        desk.threecx.status = 503
        customer = gateway.a_customer()
        await gateway.customers_write(desk.integration, [customer], text=ASKED)
        await eventually(lambda: tried(desk))
        desk.threecx.status = 200

        line = await desk.threecx.wait_for_line(customer, ASKED, seconds=60)

        assert line is not None
        assert {post["data"]["id"] for post in desk.threecx.posts} == {line.id}
        assert len({str(post) for post in desk.threecx.posts}) == 1


async def test_a_test_of_the_chat_says_what_came_back_and_is_not_repeated(gateway: Gateway) -> None:
    async with a_desk(gateway) as desk:
        path = f"/integrations/{desk.integration.id}/chat-test"

        async def ended(status: int) -> dict[str, Any]:
            desk.threecx.status = status
            posted = await gateway.done("POST", path, {})

            async def known() -> dict[str, Any]:
                answer = await gateway.api("GET", f"/forwards/{posted['forward_id']}")
                return answer.body if answer.body.get("status") in {"delivered", "failed"} else {}

            return await eventually(known)

        refused, redirected, taken = await ended(500), await ended(302), await ended(200)

        assert (refused["status"], refused["last_status"], refused["tries"]) == ("failed", 500, 1)
        assert (redirected["status"], redirected["last_error"]) == ("failed", "redirect")
        assert (taken["status"], taken["last_status"]) == ("delivered", 200)
        assert [line.text.split(":")[0] for line in desk.threecx.lines] == ["Test of the WhatsApp gateway"]
        letters = await gateway.done("GET", "/dead-letters", account_id=desk.integration.account_id)
        assert letters["items"] == []


async def test_what_3cx_must_not_know_is_on_no_page_and_in_no_record(gateway: Gateway) -> None:
    async with a_desk(gateway) as desk:
        customer = await desk.customer_writes()
        await desk.agent_writes(customer)

        shown = await gateway.done("GET", f"/integrations/{desk.integration.id}")
        records = await gateway.wait_for_records(account_id=desk.integration.account_id, type="integration.changed")

        assert shown["chat_webhook_url"] == "http://127.0.0.1/…"
        assert "chat_keys" not in shown
        for hidden in ("3cx-chat-url-token", desk.threecx.api_key, customer, ANSWERED):
            assert hidden not in str(records)
            assert hidden not in str(await gateway.records(account_id=desk.integration.account_id))


async def test_a_number_on_an_evolution_server_has_the_same_chat(gateway: Gateway) -> None:
    async with a_shop(gateway) as shop, a_desk(gateway, shop.integration) as desk:
        customer = gateway.a_customer()
        assert await shop.customer_writes(customer, ASKED, f"3A{customer[1:]}") == 200
        await desk.sees(customer, ASKED)

        sent = await desk.agent_writes(customer)

        assert (sent.shown, sent.body["status"]) == ("sent", "sent")
        assert [line.main_number for line in desk.threecx.lines] == [desk.threecx.main_number]
