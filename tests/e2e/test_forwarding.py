"""The way back: what customers do reaches the 3CX side, signed, once per id, whatever the 3CX side is up to."""

import asyncio
from typing import Any

import pytest
from standardwebhooks import Webhook

from libs.contracts.forwarding import own_signature
from tests.e2e.driver import MARK, Gateway, Line
from tests.e2e.pbx import Pbx, a_pbx
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

RETRIED_WITHIN = 60.0
"""Seconds: the first wait is 5 to 7.5 s, a circuit's first 10 to 15 s; a loaded machine gets some more."""


async def a_line(gateway: Gateway, pbx: Pbx, **integration: Any) -> tuple[Line, str]:
    """A line that is forwarded to, and its forward secret."""
    line = await gateway.open_line(forward_url=pbx.url, **integration)
    rotated = await gateway.done("POST", f"/integrations/{line.id}/rotate-secret", {"which": "forward"})
    return line, str(rotated["secret"])


async def has_taken(pbx: Pbx, kind: str, count: int, *, seconds: float = 15.0) -> None:
    async def there() -> bool:
        return len(pbx.of(kind)) >= count

    await eventually(there, seconds=seconds)


async def test_what_a_customer_writes_is_told_with_both_signatures(gateway: Gateway) -> None:
    async with a_pbx() as pbx:
        line, secret = await a_line(gateway, pbx)

        customer = await gateway.a_writer(line, text=f"Is my {MARK} ready? «مرحبا»")
        await has_taken(pbx, "message.received", 1)

        [told] = pbx.of("message.received")
        timestamp = told.headers["x-whatsapp-gateway-timestamp"]
        assert told.headers["x-whatsapp-gateway-signature"] == own_signature(secret, timestamp, told.raw)
        assert told.headers["x-whatsapp-gateway-event"] == "message.received"
        assert Webhook(secret.encode()).verify(told.raw, told.headers)["id"] == told.headers["webhook-id"] == told.id
        assert (told.body["integration_id"], told.body["account_id"]) == (line.id, line.account_id)
        assert told.body["customer"]["phone"] == customer
        assert told.body["number"] == {"instance_id": line.instance_id, "phone_number_id": line.number}
        assert told.body["message"]["text"] == f"Is my {MARK} ready? «مرحبا»"
        records = await gateway.recorded(1, integration_id=line.id, type="forward.delivered")
        assert [record["details"]["attempts"] for record in records] == [1]


async def test_every_integration_of_a_number_is_told_and_no_other(gateway: Gateway) -> None:
    async with a_pbx() as first, a_pbx() as second, a_pbx() as stranger:
        line, _ = await a_line(gateway, first)
        await gateway.connect(line.account_id, line.instance_id, line.number, forward_url=second.url)
        await a_line(gateway, stranger)

        await gateway.a_writer(line)
        await has_taken(first, "message.received", 1)
        await has_taken(second, "message.received", 1)

        assert first.of("message.received")[0].id != second.of("message.received")[0].id
        assert stranger.posts == []


async def test_an_opt_out_is_told_once(gateway: Gateway) -> None:
    async with a_pbx() as pbx:
        line, _ = await a_line(gateway, pbx)
        customer = gateway.a_customer()

        await gateway.customers_write(line, [customer], text="STOP")
        await gateway.customers_write(line, [customer], text="stop!")
        await has_taken(pbx, "recipient.opted_out", 1)
        await has_taken(pbx, "message.received", 2)
        await has_taken(pbx, "message.status_updated", 3)  # of the one confirmation

        [told] = pbx.of("recipient.opted_out")
        assert (told.body["customer"]["phone"], told.body["opt_out"]["scope"]) == (customer, "all")
        assert "text" not in told.body["opt_out"]


async def test_what_became_of_a_reply_is_told(gateway: Gateway) -> None:
    async with a_pbx() as pbx:
        line, _ = await a_line(gateway, pbx)
        customer = await gateway.a_writer(line)

        answer = await gateway.reply(line, customer)
        await has_taken(pbx, "message.status_updated", 3)

        told = pbx.of("message.status_updated")
        assert {one.body["message"]["id"] for one in told} == {answer.body["message_id"]}
        assert {one.body["message"]["event_id"] for one in told} == {answer.event_id}
        assert sorted(one.body["message"]["status"] for one in told) == ["delivered", "read", "sent"]


async def test_a_target_that_was_down_is_told_everything_once_and_under_the_same_ids(gateway: Gateway) -> None:
    async with a_pbx() as pbx:
        line, _ = await a_line(gateway, pbx)
        pbx.status = 503
        customers = [gateway.a_customer() for _ in range(20)]
        for customer in customers:
            await gateway.customers_write(line, [customer], text=f"{MARK} from {customer}")
        await eventually(lambda: _any(pbx.posts))
        victim = gateway.stack.services["sender"][0]
        victim.kill()
        victim.begin()
        await pbx.down()

        pbx.status = 200
        await pbx.up()
        await victim.ready()
        await has_taken(pbx, "message.received", len(customers), seconds=RETRIED_WITHIN)

        assert pbx.texts() == {f"{MARK} from {customer}": 1 for customer in customers}
        assert {told.id for told in pbx.posts} == {told.id for told in pbx.taken}
        await gateway.recorded(len(customers), integration_id=line.id, type="forward.delivered")
        shown = await gateway.done("GET", "/forwards", integration_id=line.id, limit=200)
        assert [item["status"] for item in shown["items"]] == ["delivered"] * len(customers)


async def _any(found: list[Any]) -> bool:
    return bool(found)


async def test_a_target_that_hangs_delays_nobody_else(gateway: Gateway) -> None:
    async with a_pbx() as hanging, a_pbx() as healthy:
        hanging.hanging = asyncio.Event()
        stuck, _ = await a_line(gateway, hanging)
        line, _ = await a_line(gateway, healthy)
        await gateway.customers_write(stuck, [gateway.a_customer() for _ in range(100)])
        await eventually(lambda: _any(hanging.posts))

        await gateway.customers_write(line, [gateway.a_customer() for _ in range(20)])
        await has_taken(healthy, "message.received", 20, seconds=10.0)

        assert hanging.taken == []
        hanging.hanging.set()
        await has_taken(hanging, "message.received", 100, seconds=RETRIED_WITHIN)


async def test_what_a_target_refuses_for_good_is_a_dead_letter_that_can_be_replayed(gateway: Gateway) -> None:
    async with a_pbx() as pbx:
        line, _ = await a_line(gateway, pbx)
        pbx.status = 410
        await gateway.a_writer(line, text=f"{MARK}, please")

        async def letters() -> list[dict[str, Any]]:
            page = await gateway.done("GET", "/dead-letters", account_id=line.account_id, status="waiting")
            return list(page["items"])

        [letter] = await eventually(letters)
        [failed] = await gateway.recorded(1, integration_id=line.id, type="forward.failed")
        pbx.status = 200
        await gateway.done("POST", f"/dead-letters/{letter['id']}/replay")
        await has_taken(pbx, "message.received", 1)

        assert (letter["queue"], letter["reason"], letter["integration_id"]) == ("sender.forwards", "http_410", line.id)
        assert MARK not in str(letter)
        assert failed["details"]["reason"] == "http_410"
        assert {told.id for told in pbx.posts} == {letter["message_id"]}
        await gateway.recorded(1, integration_id=line.id, type="forward.delivered")
        told = await gateway.done("GET", f"/forwards/{letter['message_id']}")
        assert [attempt["status"] for attempt in told["attempts"]] == [410, 200]
        await gateway.recorded(1, integration_id=line.id, type="dead_letter.replayed")
        assert await letters() == []
