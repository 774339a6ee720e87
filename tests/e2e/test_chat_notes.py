"""What the gateway notes in 3CX's chat: refusals, late failures and opt-outs, each once."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.e2e.chat_desk import (
    ASKED,
    NEVER,
    NOTE,
    a_desk,
    asks_why,
)
from tests.e2e.driver import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_refusal_after_a_day_is_told_in_the_chat_once(gateway: Gateway) -> None:
    yesterday = int((datetime.now(UTC) - timedelta(hours=25)).timestamp())
    async with a_desk(gateway, chat_commands=True) as desk:
        customer = await desk.customer_writes(timestamp=yesterday)

        sent = await desk.agent_writes(customer)
        note = await desk.sees(customer, NOTE)

        assert (sent.shown, sent.status, sent.body["error"]) == ("failed", 409, "conversation_window_closed")
        assert sent.body["errors"][0]["code"] == "conversation_window_closed"
        assert note.startswith(f"{NOTE}not sent, the customer last wrote on ")
        assert "/template NAME" in note
        assert await desk.received_by(customer) == []
        await gateway.wait_for_records(2, integration_id=desk.integration.id, type="forward.delivered")
        assert len(desk.threecx.chat_with(customer)) == 2


async def test_notes_can_be_switched_off(gateway: Gateway) -> None:
    async with a_desk(gateway, chat_notes=False, chat_commands=True, chat_repeat_seconds=0) as desk:
        customer = gateway.a_customer()

        assert (await desk.agent_writes(customer)).body["error"] == "conversation_window_closed"
        await asks_why(desk, customer, "never wrote to this number")

        assert not any(text.endswith(NEVER) for text in desk.threecx.chat_with(customer))


async def test_a_late_failure_is_told_once(gateway: Gateway) -> None:
    async with a_desk(gateway) as desk:
        customer = await desk.customer_writes()
        sent = await desk.agent_writes(customer)
        await gateway.wait_for_records(event_id=sent.body["event_id"], type="webhook.received")

        for _ in range(2):
            await gateway.whatsapp.status(sent.body["message_id"], "failed", code=131026)
        note = await desk.sees(customer, "was not delivered")
        await gateway.customers_write(desk.integration, [customer], text="and then?")
        await desk.sees(customer, "and then?")

        assert "undeliverable: not on WhatsApp" in note
        assert "131026" in note
        assert sum("was not delivered" in text for text in desk.threecx.chat_with(customer)) == 1


async def test_a_late_failure_of_a_message_from_elsewhere_is_not_told(gateway: Gateway) -> None:
    async with a_desk(gateway) as desk:
        customer = await desk.customer_writes()
        sent = await gateway.final_answer(desk.integration, await gateway.reply(desk.integration, customer))
        await gateway.wait_for_records(event_id=sent.event_id, type="webhook.received")

        await gateway.whatsapp.status(sent.body["message_id"], "failed", code=131026)
        await gateway.wait_for_records(account_id=desk.integration.account_id, type="message.status_updated")
        await gateway.customers_write(desk.integration, [customer], text="and then?")
        await desk.sees(customer, "and then?")

        assert desk.threecx.chat_with(customer) == [ASKED, "and then?"]


async def test_an_opt_out_is_noted(gateway: Gateway) -> None:
    async with a_desk(gateway) as desk:
        customer = await desk.customer_writes(text="STOP")

        assert await desk.sees(customer, "opted out") == f"{NOTE}the customer opted out: STOP"
        assert (await desk.agent_writes(customer)).body["error"] == "recipient_suppressed"
