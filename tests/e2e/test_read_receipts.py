"""A customer sees that a message was read once the 3CX system has it, or replies, where the integration says so."""

from typing import Any

import pytest

from tests.e2e.driver import Gateway, Integration
from tests.e2e.pbx import running_pbx
from tests.e2e.test_content import PNG, content, files
from tests.e2e.waiting import eventually
from tools.simulator.faults import Fault, FaultStep, Match

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(("settings", "count"), [({"read_receipts": "on_forward"}, 1), ({}, 0)], ids=["on", "default"])
async def test_a_forwarded_message_is_marked_as_read_by_rule(
    gateway: Gateway, settings: dict[str, Any], count: int
) -> None:
    async with running_pbx() as pbx:
        integration = await gateway.create_integration(forward_url=pbx.url, **settings)
        await gateway.a_customer_who_wrote(integration)
        await gateway.wait_for_records(integration_id=integration.id, type="forward.delivered")

        async def receipts() -> list[object]:
            requests = await gateway.whatsapp.requests(phone_number_id=integration.number)
            return [each for each in requests if each.outcome == "read"]

        if count:
            await eventually(receipts)
            [record] = await gateway.wait_for_records(integration_id=integration.id, type="message.marked_read")
            assert record["customer_hash"]
        assert len(await receipts()) == count


async def marked(gateway: Gateway, integration: Integration) -> list[str]:
    requests = await gateway.whatsapp.requests(phone_number_id=integration.number)
    return [each.outcome for each in requests if each.outcome in {"read", "typing"}]


async def test_a_message_is_marked_as_read_when_an_agent_replies_and_once_for_many_replies(gateway: Gateway) -> None:
    integration = await gateway.create_integration(read_receipts="on_reply")
    customer = await gateway.a_customer_who_wrote(integration)
    assert await marked(gateway, integration) == []

    for _ in range(3):
        assert (await gateway.reply(integration, customer)).result == "sent"

    records = await gateway.wait_for_records(integration_id=integration.id, type="message.marked_read")
    [told] = await gateway.wait_for_records(account_id=integration.account_id, type="whatsapp.message_received")
    assert {record["event_id"] for record in records} == {told["event_id"]}
    assert {record["customer_hash"] for record in records} == {told["customer_hash"]}
    senders = len(gateway.stack.services["sender"])
    assert 1 <= len(await marked(gateway, integration)) <= senders  # each process remembers what it marked


async def test_a_receipt_that_whatsapp_refuses_delays_no_reply_and_is_not_tried_again(gateway: Gateway) -> None:
    integration = await gateway.create_integration(read_receipts="on_reply")
    customer = await gateway.a_customer_who_wrote(integration)
    before = await gateway.metric("sender", "gateway_read_receipts_total", outcome="failed")
    match = Match(phone_number_id=integration.number, kind="read")
    await gateway.whatsapp.script(FaultStep(match=match, fault=Fault(kind="error", code=131000)))

    try:
        answer = await gateway.reply(integration, customer)

        async def counted() -> bool:
            return await gateway.metric("sender", "gateway_read_receipts_total", outcome="failed") == before + 1

        await eventually(counted)
        assert answer.result == "sent"
        assert await gateway.whatsapp.fired() == [1]
    finally:
        await gateway.whatsapp.clear_script()


async def test_while_a_file_is_uploaded_the_customer_sees_somebody_typing(gateway: Gateway) -> None:
    integration = await gateway.create_integration(read_receipts="on_reply", typing_indicator=True)
    customer = await gateway.a_customer_who_wrote(integration)
    async with files(picture=("image/png", PNG)) as server:
        body = content(customer, media={"kind": "image", "url": f"{server.url}/picture"})
        assert (await gateway.post(integration, body)).result == "sent"

    await gateway.wait_for_records(integration_id=integration.id, type="message.marked_read")
    assert (await marked(gateway, integration))[0] == "typing"
