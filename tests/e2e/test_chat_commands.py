"""What agents command in 3CX's chat: templates, blocks and reasons; a mistyped command reaches nobody."""

import pytest

from tests.e2e.chat_desk import BLOCKED, NOTE, REOPEN, SHOWN, a_desk, asks_why, with_templates
from tests.e2e.driver import Gateway
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_agent_stops_a_customer_and_asks_why(gateway: Gateway) -> None:
    async with a_desk(gateway, chat_commands=True, chat_repeat_seconds=0) as desk:
        customer = await desk.customer_writes()

        nothing = await desk.agent_writes(customer, "/why")
        stopped = await desk.agent_writes(customer, "/stop")
        refused = await desk.agent_writes(customer)
        await desk.sees(customer, "the customer is blocked and gets no more")
        await desk.sees(customer, "no message of this chat was refused")
        assert await desk.sees(customer, BLOCKED) == BLOCKED
        await asks_why(desk, customer, f"{BLOCKED} (")
        [row] = (await gateway.done("GET", "/suppressions", account_id=desk.integration.account_id, phone=customer))[
            "items"
        ]

        assert [each.shown for each in (nothing, stopped)] == ["sent"] * 2
        assert refused.body["error"] == "recipient_suppressed"
        assert (row["kind"], row["source"], row["reason"]) == ("blocked", "operator", "agent")
        assert await desk.received_by(customer) == []


async def test_a_mistyped_command_reaches_nobody(gateway: Gateway) -> None:
    async with a_desk(gateway, chat_commands=True) as desk:
        customer = await desk.customer_writes()

        sent = await desk.agent_writes(customer, "/tempalte reopen")

        assert (sent.shown, sent.body["error"]) == ("failed", "missing_message_text")
        assert "/template NAME" in await desk.sees(customer, "that is no command")
        assert await desk.received_by(customer) == []


async def test_a_template_is_sent_from_the_chat_to_somebody_who_never_wrote(gateway: Gateway) -> None:
    async with a_desk(gateway, chat_commands=True, chat_repeat_seconds=0) as desk:
        await desk.customer_writes()  # WhatsApp's first post names the business account, whose templates they are
        customer, number = gateway.a_customer(), {"instance_id": desk.integration.instance_id}
        await gateway.whatsapp.set_templates(desk.integration.number, REOPEN)

        async def sent() -> bool:
            await gateway.done("POST", "/templates/sync", number)
            return (await desk.agent_writes(customer, "/template order_ready de | Anna")).shown == "sent"

        await eventually(sent, seconds=30.0, pause=0.4)
        [message] = await gateway.whatsapp.messages(to=customer.removeprefix("+"))
        unknown = await desk.agent_writes(customer, "/template order_redy de | Anna")

        assert message.type == "template"
        assert (unknown.shown, unknown.status) == ("failed", 422)
        await desk.sees(customer, NOTE)


WAITS = REOPEN | {"name": "new_one", "status": "PENDING"}
OFFER = REOPEN | {"name": "offer", "category": "MARKETING"}
TOLD = {
    "/template order_ready de": "the template takes one value; write each behind a `|`",
    "/template order_ready de | Anna | 12:30": "the template takes one value; write each behind a `|`",
    "/template order_ready de | ": "value 1 of the template is empty",
    "/template order_ready de | Anna\nBerg": "value 1 of the template must be one line",
    "/template order_ready fr | Anna": "the template is there in de; write the language behind its name",
    "/template nothing de": "WhatsApp has no template of this name",
    "/template Order_Ready de | Anna": "WhatsApp has no template of this name",
    "/template new_one de | Anna": "WhatsApp has not approved the template (pending)",
    "/template offer de | Anna": "templates for marketing are not sent",
    "/template bill | 7": "the template shows a document: send it together with the command",
    "/template": "that is no command; commands are `/template NAME",
}
"""What an agent writes, and the part of the note that says what to change."""


async def test_a_command_that_does_not_fit_is_told_in_a_sentence_that_says_what_to_change(gateway: Gateway) -> None:
    async with a_desk(gateway, chat_commands=True) as desk:
        await with_templates(gateway, desk, REOPEN, SHOWN, WAITS, OFFER)
        customers = {command: gateway.a_customer() for command in TOLD}
        await gateway.done("PATCH", f"/accounts/{desk.integration.account_id}", {"require_opt_in": False})

        for command, customer in customers.items():
            sent = await desk.agent_writes(customer, command)
            assert sent.shown == "failed", command

        for command, customer in customers.items():
            assert TOLD[command] in await desk.sees(customer, NOTE), command
            assert await desk.received_by(customer) == []


async def test_a_capital_letter_of_a_keyboard_changes_no_command(gateway: Gateway) -> None:
    async with a_desk(gateway, chat_commands=True) as desk:
        customer = await desk.customer_writes()

        sent = await desk.agent_writes(customer, "/Stop")

        assert (sent.shown, await desk.received_by(customer)) == ("sent", [])
        await desk.sees(customer, "the customer is blocked and gets no more")
