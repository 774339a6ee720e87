"""What waits for a customer who opted out or was erased is cancelled."""

import asyncio
import time
from typing import Any

import pytest

from tests.e2e.driver import MARK, Gateway, Integration
from tests.e2e.ledger_check import wait_until_drained
from tests.e2e.pbx import Pbx, running_pbx
from tests.e2e.test_forwarding import RETRIED_WITHIN, an_integration, has_taken
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def messages_to(gateway: Gateway, integration: Integration, customer: str) -> list[str]:
    found = await gateway.whatsapp.messages(phone_number_id=integration.number)
    return [message.text for message in found if message.to == customer.removeprefix("+")]


def about(posts: list[Any], customer: str) -> list[str]:
    """The texts in posts about a customer."""
    return [
        post.body["message"].get("text", "")
        for post in posts
        if post.body["customer"].get("phone") == customer and post.body["type"] == "message.received"
    ]


async def erased(gateway: Gateway, integration: Integration, customer: str) -> None:
    body = {"account_id": integration.account_id, "phone": customer, "reason": "asked by letter"}
    await gateway.done("POST", "/erasures", body)
    await gateway.wait_for_records(1, account_id=integration.account_id, type="subject.erased", seconds=60.0)


async def refused(pbx: Pbx, customer: str) -> None:
    """Wait until a forward about the customer has been tried in vain."""

    async def tried() -> bool:
        return bool(about([post for post in pbx.posts if post.status == 503], customer))

    await eventually(tried)


async def test_what_waits_for_a_customer_who_opts_out_or_is_erased_is_cancelled(gateway: Gateway) -> None:
    async with running_pbx() as pbx:
        integration, _ = await an_integration(gateway, pbx)
        gateway.integrations.remove(integration)  # the ledger check needs the message ids that the erasure removes
        leaver, gone, other = [await gateway.a_customer_who_wrote(integration) for _ in range(3)]
        await has_taken(pbx, "message.received", 3)
        await wait_until_drained(gateway)
        pbx.status = 503
        await gateway.customers_write(integration, [leaver, gone], text=f"One more question about my {MARK}")
        await asyncio.gather(refused(pbx, leaver), refused(pbx, gone))
        senders = gateway.stack.services["sender"]
        for sender in senders:
            sender.kill()

        waiting = await asyncio.gather(*(gateway.reply(integration, who) for who in (leaver, gone, other)))
        await gateway.wait_for_records(3, account_id=integration.account_id, type="message.approved")
        await gateway.customers_write(integration, [leaver], text="STOP", timestamp=int(time.time()))
        await gateway.wait_for_records(1, account_id=integration.account_id, type="suppression.added")
        await erased(gateway, integration, gone)
        pbx.status = 200
        for sender in senders:
            sender.start()
        await asyncio.gather(*(sender.wait_until_ready() for sender in senders))

        answers = [await gateway.final_answer(integration, each) for each in waiting]
        [failed] = await gateway.wait_for_records(
            1, integration_id=integration.id, type="forward.failed", seconds=RETRIED_WITHIN
        )

        async def leavers_forward() -> bool:
            return f"One more question about my {MARK}" in about(pbx.accepted, leaver)

        await eventually(leavers_forward, seconds=RETRIED_WITHIN)
        assert [answer.result for answer in waiting] == ["pending"] * 3
        assert [answer.result for answer in answers] == ["recipient_suppressed", "recipient_suppressed", "sent"]
        reasons = [answer.details["reason"] for answer in answers[:2]]
        assert reasons == ["opted_out_while_waiting", "erased_while_waiting"]
        assert failed["details"]["reason"] == "erased"
        assert len(about(pbx.accepted, gone)) == 1  # the one from before
        assert await messages_to(gateway, integration, gone) == []
        [confirmation] = await messages_to(gateway, integration, leaver)
        assert "START" in confirmation
        [answered] = await gateway.records(
            account_id=integration.account_id, event_id=waiting[1].event_id, type="webhook.answered"
        )
        assert (answered["masked_phone"], answered["customer_hash"]) == (None, None)
        await wait_until_drained(gateway, seconds=2 * RETRIED_WITHIN)  # while the receiver takes what is left


async def test_an_erasure_waits_for_a_forward_that_is_being_posted(gateway: Gateway) -> None:
    async with running_pbx() as pbx:
        integration, _ = await an_integration(gateway, pbx)
        gateway.integrations.remove(integration)
        customer = await gateway.a_customer_who_wrote(integration)
        await has_taken(pbx, "message.received", 1)
        await wait_until_drained(gateway)
        pbx.hanging = asyncio.Event()
        await gateway.customers_write(integration, [customer], text="Where are you?")
        await eventually(lambda: _hangs(pbx))

        body = {"account_id": integration.account_id, "phone": customer, "reason": "asked by letter"}
        begun = await gateway.done("POST", "/erasures", body)
        records = await gateway.records(account_id=integration.account_id, type="subject.erased")
        pbx.hanging.set()
        await gateway.wait_for_records(1, account_id=integration.account_id, type="subject.erased", seconds=60.0)
        forwards = (await gateway.done("GET", "/forwards", integration_id=integration.id))["items"]

        assert (begun["status"], records) == ("under_way", [])
        assert {forward["masked_phone"] for forward in forwards} == {None}
        assert await gateway.records(account_id=integration.account_id, phone=customer) == []
        await wait_until_drained(gateway)


async def _hangs(pbx: Pbx) -> bool:
    return any(post.status == 0 for post in pbx.posts)
