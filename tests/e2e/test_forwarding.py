"""Forwarding to 3CX: signatures, ids, retries and dead letters."""

import asyncio
from typing import Any

import pytest
from standardwebhooks import Webhook

from libs.contracts.forwards import own_signature
from tests.e2e.driver import MARK, Gateway, Integration
from tests.e2e.pbx import Pbx, running_pbx
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

RETRIED_WITHIN = 60.0
"""Seconds: the first wait is 5 to 7.5 s, a circuit's first 2 to 3 s; a loaded machine gets some more."""


async def an_integration(gateway: Gateway, pbx: Pbx, **settings: Any) -> tuple[Integration, str]:
    """A line that is forwarded to, and its forward secret."""
    integration = await gateway.create_integration(forward_url=pbx.url, **settings)
    rotated = await gateway.done("POST", f"/integrations/{integration.id}/rotate-secret", {"which": "forward"})
    return integration, str(rotated["secret"])


async def has_taken(pbx: Pbx, kind: str, count: int, *, seconds: float = 15.0) -> None:
    async def there() -> bool:
        return len(pbx.of(kind)) >= count

    await eventually(there, seconds=seconds)


async def test_a_customers_message_is_forwarded_with_both_signatures(gateway: Gateway) -> None:
    async with running_pbx() as pbx:
        integration, secret = await an_integration(gateway, pbx)

        customer = await gateway.a_customer_who_wrote(integration, text=f"Is my {MARK} ready? «مرحبا»")
        await has_taken(pbx, "message.received", 1)

        [post] = pbx.of("message.received")
        timestamp = post.headers["x-whatsapp-gateway-timestamp"]
        assert post.headers["x-whatsapp-gateway-signature"] == own_signature(secret, timestamp, post.raw)
        assert post.headers["x-whatsapp-gateway-event"] == "message.received"
        assert Webhook(secret.encode()).verify(post.raw, post.headers)["id"] == post.headers["webhook-id"] == post.id
        assert (post.body["integration_id"], post.body["account_id"]) == (integration.id, integration.account_id)
        assert post.body["customer"]["phone"] == customer
        assert post.body["number"] == {"instance_id": integration.instance_id, "phone_number_id": integration.number}
        assert post.body["message"]["text"] == f"Is my {MARK} ready? «مرحبا»"
        records = await gateway.wait_for_records(1, integration_id=integration.id, type="forward.delivered")
        assert [record["details"]["attempts"] for record in records] == [1]


async def test_a_message_is_forwarded_to_every_integration_of_its_number_only(gateway: Gateway) -> None:
    async with running_pbx() as first, running_pbx() as second, running_pbx() as stranger:
        integration, _ = await an_integration(gateway, first)
        await gateway.add_integration(
            integration.account_id, integration.instance_id, integration.number, forward_url=second.url
        )
        await an_integration(gateway, stranger)

        await gateway.a_customer_who_wrote(integration)
        await has_taken(first, "message.received", 1)
        await has_taken(second, "message.received", 1)

        assert first.of("message.received")[0].id != second.of("message.received")[0].id
        assert stranger.posts == []


async def test_an_opt_out_is_forwarded_once(gateway: Gateway) -> None:
    async with running_pbx() as pbx:
        integration, _ = await an_integration(gateway, pbx)
        customer = gateway.a_customer()

        await gateway.customers_write(integration, [customer], text="STOP")
        await gateway.customers_write(integration, [customer], text="stop!")
        await has_taken(pbx, "recipient.opted_out", 1)
        await has_taken(pbx, "message.received", 2)
        await has_taken(pbx, "message.status_updated", 3)  # of the one confirmation

        [post] = pbx.of("recipient.opted_out")
        assert (post.body["customer"]["phone"], post.body["opt_out"]["scope"]) == (customer, "all")
        assert "text" not in post.body["opt_out"]


async def test_the_statuses_of_a_reply_are_forwarded(gateway: Gateway) -> None:
    async with running_pbx() as pbx:
        integration, _ = await an_integration(gateway, pbx)
        customer = await gateway.a_customer_who_wrote(integration)

        answer = await gateway.reply(integration, customer)
        await has_taken(pbx, "message.status_updated", 3)

        post = pbx.of("message.status_updated")
        assert {one.body["message"]["id"] for one in post} == {answer.body["message_id"]}
        assert {one.body["message"]["event_id"] for one in post} == {answer.event_id}
        assert sorted(one.body["message"]["status"] for one in post) == ["delivered", "read", "sent"]


async def test_a_target_that_was_down_gets_every_forward_once_under_the_same_id(gateway: Gateway) -> None:
    async with running_pbx() as pbx:
        integration, _ = await an_integration(gateway, pbx)
        pbx.status = 503
        customers = [gateway.a_customer() for _ in range(20)]
        for customer in customers:
            await gateway.customers_write(integration, [customer], text=f"{MARK} from {customer}")
        await eventually(lambda: _any(pbx.posts))
        victim = gateway.stack.services["sender"][0]
        victim.kill()
        victim.start()
        await pbx.stop()

        pbx.status = 200
        await pbx.start()
        await victim.wait_until_ready()
        await has_taken(pbx, "message.received", len(customers), seconds=RETRIED_WITHIN)

        assert pbx.texts() == {f"{MARK} from {customer}": 1 for customer in customers}
        assert {post.id for post in pbx.posts} == {post.id for post in pbx.accepted}
        await gateway.wait_for_records(len(customers), integration_id=integration.id, type="forward.delivered")
        shown = await gateway.done("GET", "/forwards", integration_id=integration.id, limit=200)
        assert [item["status"] for item in shown["items"]] == ["delivered"] * len(customers)


async def _any(found: list[Any]) -> bool:
    return bool(found)


async def test_a_target_that_hangs_delays_no_other_target(gateway: Gateway) -> None:
    async with running_pbx() as hanging, running_pbx() as healthy:
        hanging.hanging = asyncio.Event()
        stuck, _ = await an_integration(gateway, hanging)
        integration, _ = await an_integration(gateway, healthy)
        await gateway.customers_write(stuck, [gateway.a_customer() for _ in range(100)])
        await eventually(lambda: _any(hanging.posts))

        await gateway.customers_write(integration, [gateway.a_customer() for _ in range(20)])
        await has_taken(healthy, "message.received", 20, seconds=10.0)

        assert hanging.accepted == []
        hanging.hanging.set()
        await has_taken(hanging, "message.received", 100, seconds=RETRIED_WITHIN)


async def test_a_forward_that_is_refused_with_410_is_a_dead_letter_that_can_be_replayed(gateway: Gateway) -> None:
    async with running_pbx() as pbx:
        integration, _ = await an_integration(gateway, pbx)
        pbx.status = 410
        await gateway.a_customer_who_wrote(integration, text=f"{MARK}, please")

        async def letters() -> list[dict[str, Any]]:
            page = await gateway.done("GET", "/dead-letters", account_id=integration.account_id, status="waiting")
            return list(page["items"])

        [letter] = await eventually(letters)
        [failed] = await gateway.wait_for_records(1, integration_id=integration.id, type="forward.failed")
        pbx.status = 200
        await gateway.done("POST", f"/dead-letters/{letter['id']}/replay")
        await has_taken(pbx, "message.received", 1)

        assert (letter["queue"], letter["reason"], letter["integration_id"]) == (
            "sender.forwards",
            "http_410",
            integration.id,
        )
        assert MARK not in str(letter)
        assert failed["details"]["reason"] == "http_410"
        assert {post.id for post in pbx.posts} == {letter["message_id"]}
        await gateway.wait_for_records(1, integration_id=integration.id, type="forward.delivered")
        post = await gateway.done("GET", f"/forwards/{letter['message_id']}")
        assert [attempt["status"] for attempt in post["attempts"]] == [410, 200]
        await gateway.wait_for_records(1, integration_id=integration.id, type="dead_letter.replayed")
        assert await letters() == []
