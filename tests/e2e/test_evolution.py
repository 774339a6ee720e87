"""A number on Evolution API, from set-up to opt-out."""

import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from tests.e2e.driver import MARK, Answer, Gateway, Integration
from tests.e2e.waiting import eventually
from tests.evolution_stub import EvolutionStub, evolution, refused, update, upsert

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEY = f"evolution-{MARK}-key"
NAMES = (f"shop-{number}" for number in itertools.count(1))


@dataclass(frozen=True)
class Shop:
    """An integration whose number is an instance on a server of Evolution's kind."""

    gateway: Gateway
    server: EvolutionStub
    integration: Integration

    async def tells(self, event: str, data: Any) -> int:
        """The server posts a webhook, with the key that it should have kept to itself."""
        return await self.server.tell(self.integration.number, event, data, apikey=KEY)

    async def customer_writes(self, customer: str, text: str, message_id: str) -> int:
        jid = f"{customer.removeprefix('+')}@s.whatsapp.net"
        data = upsert(message_id, jid, message={"conversation": text}, messageTimestamp=int(time.time()))
        return await self.tells("messages.upsert", data)

    async def reply(self, customer: str) -> Answer:
        return await self.gateway.final_answer(self.integration, await self.gateway.reply(self.integration, customer))

    async def replied(self, customer: str, word: str) -> Answer:
        """The first reply that comes to `word`: what a customer wrote takes a moment to be known."""

        async def there() -> Answer | None:
            answer = await self.reply(customer)
            return answer if answer.result == word else None

        found = await eventually(there, pause=0.2)
        assert found is not None
        return found

    async def a_customer_who_wrote(self) -> str:
        """A customer whose window is open."""
        customer = self.gateway.a_customer()
        assert await self.customer_writes(customer, f"Is my {MARK} ready?", f"3A{customer[1:]}") == 200
        await self.gateway.wait_for_records(account_id=self.integration.account_id, type="whatsapp.message_received")
        return customer

    async def recorded_as_sent(self) -> list[str]:
        """The ids of the messages that the record has as sent."""
        answers = await self.gateway.records(account_id=self.integration.account_id, type="webhook.answered")
        return sorted(record["details"]["message_id"] for record in answers if record["code"] == "sent")


@asynccontextmanager
async def a_shop(gateway: Gateway) -> AsyncIterator[Shop]:
    """Set a number up as docs/evolution.md says."""
    name = next(NAMES)
    async with evolution(EvolutionStub(instances={name: KEY})) as server:
        account = await gateway.done("POST", "/accounts", {"name": "Shop", "business_name": "Shop"})
        gateway.seen_secrets.add(KEY)
        body = {"provider": "evolution", "phone_number_id": name, "access_token": KEY, "base_url": server.url}
        number = await gateway.done("POST", f"/accounts/{account['id']}/instances", body)
        async with (
            aiohttp.ClientSession(headers={"apikey": KEY}) as http,
            http.post(f"{server.url}/webhook/set/{name}", json=number["webhook_set"]) as answer,
        ):
            assert answer.status == 201
        shop = Shop(gateway, server, await gateway.add_integration(account["id"], number["id"], name))
        gateway.integrations.remove(
            shop.integration
        )  # the ledger check compares with what the simulator received; here it is we
        yield shop
        await eventually(lambda: _agree(shop))


async def _agree(shop: Shop) -> bool:
    """Whether everything that the server took is on record as sent, once, and nothing else is."""
    return await shop.recorded_as_sent() == sorted(shop.server.ids)


async def test_a_customer_writes_gets_a_reply_and_opts_out(gateway: Gateway) -> None:
    async with a_shop(gateway) as shop:
        customer = gateway.a_customer()
        assert (await shop.reply(customer)).result == "conversation_window_closed"
        assert shop.server.sent == []

        assert await shop.customer_writes(customer, f"Is my {MARK} ready?", "3A01") == 200
        sent = await shop.replied(customer, "sent")
        [observed] = shop.server.sent
        assert await shop.customer_writes(customer, "STOP", "3A02") == 200
        await shop.replied(customer, "recipient_suppressed")

        assert (observed.call, observed.body["number"]) == ("sendText", customer[1:])
        assert sent.body["message_id"].startswith("3EB0")
        [added] = await gateway.wait_for_records(account_id=shop.integration.account_id, type="suppression.added")
        assert added["details"]["evidence"]["message_id"] == "3A02"


async def test_statuses_find_their_message_by_its_id_and_a_false_deletion_changes_nothing(gateway: Gateway) -> None:
    async with a_shop(gateway) as shop:
        customer = await shop.a_customer_who_wrote()
        sent = await shop.replied(customer, "sent")
        message_id = sent.body["message_id"]

        for word in ("PENDING", "SERVER_ACK", "DELETED", "DELIVERY_ACK", "DELIVERY_ACK", "READ"):
            assert await shop.tells("messages.update", update(message_id, word)) == 200

        async def statuses() -> list[str]:
            found = await gateway.records(event_id=sent.event_id, type="message.status_updated")
            observed = [record["details"]["status"] for record in reversed(found)]
            return observed if "read" in observed else []

        observed = await eventually(statuses)
        assert set(observed) <= {"sent", "delivered", "read"}
        assert len(observed) == len(set(observed))


async def test_evolutions_201_and_500_answers_are_classified_correctly(gateway: Gateway) -> None:
    async with a_shop(gateway) as shop:
        customer = await shop.a_customer_who_wrote()
        await shop.replied(customer, "sent")

        meta = {"message": "(#131026) no", "type": "OAuthException", "code": 131026, "fbtrace_id": "Abc"}
        shop.server.answers.append((201, meta))
        hidden = await shop.reply(customer)  # and nothing more is sent to this customer for a while
        customer = await shop.a_customer_who_wrote()
        shop.server.answers.append(refused(500, "Internal Server Error", "Cannot read properties of undefined"))
        lost = await shop.reply(customer)

        assert (hidden.result, hidden.details["provider_code"]) == ("gateway_send_failed", 131026)
        assert (lost.result, lost.details["outcome"]) == ("gateway_send_failed", "unknown")
        assert len(shop.server.sent) == 3


async def test_a_disconnected_phone_is_recorded_without_the_servers_key(gateway: Gateway) -> None:
    async with a_shop(gateway) as shop:
        name = shop.integration.number
        assert await shop.tells("connection.update", {"instance": name, "state": "close", "statusReason": 401}) == 200

        [record] = await gateway.wait_for_records(
            account_id=shop.integration.account_id, type="whatsapp.account_updated"
        )
        assert record["details"]["update"] == {"state": "close", "status_reason": 401}
        assert KEY not in str(await gateway.records(account_id=shop.integration.account_id))


async def test_an_unauthenticated_webhook_opens_no_window(gateway: Gateway) -> None:
    async with a_shop(gateway) as shop:
        shop.server.webhooks[shop.integration.number]["headers"] = {"X-GW-Secret": "guessed"}
        customer = gateway.a_customer()

        assert await shop.customer_writes(customer, "Hello", "3A01") == 401
        assert (await shop.reply(customer)).result == "conversation_window_closed"
