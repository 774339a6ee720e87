"""A stolen broker password alone: nothing that is published with it is done, answered or recorded."""

from typing import Any
from uuid import UUID, uuid4

import aio_pika
import pytest

from libs.chassis.amqp.envelope import message_from
from libs.chassis.clock import utc_now
from libs.chassis.subscriptions import MessageMetadata
from libs.chassis.topology import EXCHANGE
from libs.contracts.events import Event, MessageApproved, WebhookPayload, WebhookReceived
from tests.e2e.driver import Gateway, Integration
from tests.e2e.waiting import eventually
from tests.event_keys import signed_as

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def publish(gateway: Gateway, service: str, event: Event, *, keys: str | None) -> UUID:
    """Publish with the broker user of a service, as the holder of the keys of another one, or of none."""
    event_id = uuid4()
    message = message_from(event, MessageMetadata(id=event_id, at=utc_now()), f"{service}-1")
    if keys is not None:
        signed_as(message, keys, gateway.stack.event_keys)
    async with await aio_pika.connect(gateway.stack.amqp_urls[service]) as connection:
        exchange = await (await connection.channel()).get_exchange(EXCHANGE, ensure=False)
        await exchange.publish(message, event.routing_key)
    return event_id


def webhook(integration: Integration, customer: str) -> WebhookReceived:
    payload = WebhookPayload(event_type="outbound_message", to=customer, text="Invented", message_purpose="support")
    owner = {"account_id": integration.account_id, "integration_id": integration.id}
    return WebhookReceived(reply_to="ingress-1", payload=payload, **owner)


def approval(integration: Integration, customer: str) -> MessageApproved:
    return MessageApproved(
        account_id=integration.account_id,
        integration_id=integration.id,
        event_id=uuid4(),
        event_type="outbound_message",
        reply_to="ingress-1",
        number_id=integration.instance_id,
        customer=customer,
        customer_key="0a1b",
        text="Invented",
        purpose="support",
        received_at=utc_now(),
    )


async def letters_of(gateway: Gateway, event_id: UUID, queues: set[str]) -> list[dict[str, Any]]:
    """The dead letters of an event, once each of the queues has one."""

    async def found() -> list[dict[str, Any]]:
        items = (await gateway.done("GET", "/dead-letters", status="waiting", limit=200))["items"]
        letters = [letter for letter in items if letter["message_id"] == str(event_id)]
        return letters if {letter["queue"] for letter in letters} == queues else []

    letters: list[dict[str, Any]] = await eventually(found)
    return letters


async def discarded(gateway: Gateway, letters: list[dict[str, Any]]) -> None:
    for letter in letters:
        await gateway.done("POST", f"/dead-letters/{letter['id']}/discard", {"reason": "forged by a test"})


@pytest.mark.parametrize("keys", [None, "audit"], ids=["no keys", "the keys of another service"])
async def test_an_invented_webhook_leads_to_no_message_and_no_record(gateway: Gateway, keys: str | None) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)
    before = await gateway.whatsapp.messages()
    counted = await gateway.metric("audit", "gateway_unauthenticated_events_total", queue="audit.records")

    event_id = await publish(gateway, "ingress", webhook(integration, customer), keys=keys)
    letters = await letters_of(gateway, event_id, {"audit.records", "policy.webhooks"})

    assert {letter["reason"] for letter in letters} == {"unauthenticated"}
    assert await gateway.metric("audit", "gateway_unauthenticated_events_total", queue="audit.records") == counted + 1
    assert await gateway.records(event_id=str(event_id)) == []
    assert len(await gateway.whatsapp.messages()) == len(before)
    for letter in letters:
        answer = await gateway.api("POST", f"/dead-letters/{letter['id']}/replay")
        expected = (200, None) if keys else (409, "not_replayable")
        assert (answer.status, answer.body.get("error")) == expected
    if not keys:
        await discarded(gateway, letters)
        return
    again = await letters_of(gateway, event_id, {"audit.records", "policy.webhooks"})  # checked again, refused again
    assert not {letter["id"] for letter in again} & {letter["id"] for letter in letters}
    await discarded(gateway, again)


async def test_an_invented_approval_sends_nothing_and_a_true_one_does(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)

    forged = await publish(gateway, "policy", approval(integration, customer), keys="ingress")
    letters = await letters_of(gateway, forged, {"audit.records", "sender.messages"})
    sent = await gateway.whatsapp.messages(to=customer)
    await publish(gateway, "policy", approval(integration, customer), keys="policy")

    async def arrived() -> bool:
        return len(await gateway.whatsapp.messages(to=customer)) > len(sent)

    await eventually(arrived)
    assert {letter["reason"] for letter in letters} == {"unauthenticated"}
    await discarded(gateway, letters)
