"""The demo's client: calls the gateway as an operator, as 3CX systems and as customers on WhatsApp."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tools.simulator.client import SimulatorClient
from tools.stack import Stack

NUMBER = "106540352242922"
ANSWER_SECONDS = 30.0
"""Time limit for an answer; the gateway's own limit is 8 s."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def result(self) -> str:
        """The `status` of a success, or the `error` of a refusal."""
        return str(self.body.get("status") or self.body.get("error") or self.status)


@dataclass(frozen=True, slots=True)
class Integration:
    """An integration, with the number and the account that it belongs to."""

    id: str
    account_id: str
    number: str
    url: str
    secret: str = field(repr=False)
    forward_secret: str = field(default="", repr=False)


class DemoClient:
    """Calls the operators' API, posts webhooks as 3CX, and writes as a customer by way of the simulator."""

    def __init__(self, stack: Stack, session: aiohttp.ClientSession, whatsapp: SimulatorClient) -> None:
        self.stack = stack
        self.whatsapp = whatsapp
        self._session = session
        self._numbers = iter(range(1, 1_000))

    async def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Call the operators' API. Raises RuntimeError when the call is refused."""
        headers = {"Authorization": f"Bearer {self.stack.admin_token}"}
        url = f"{self.stack.console_url}/api/v1{path}"
        async with self._session.request(method, url, json=body, headers=headers) as answer:
            if answer.status >= 400:
                raise RuntimeError(f"{method} {path}: {answer.status} {await answer.text()}")
            return await answer.json() if answer.content_type == "application/json" else await answer.read()

    async def create_integration(
        self, name: str, *, account: dict[str, Any] | None = None, **settings: Any
    ) -> Integration:
        """Create an account with one number and one integration."""
        fields = {"name": name, "business_name": f"{name} Clinic", "plan": "starter"}
        region = {"timezone": "Asia/Riyadh", "default_region": "SA"}
        account_id = (await self.api("POST", "/accounts", fields | region | (account or {})))["id"]
        number_id = f"{NUMBER}{next(self._numbers):03d}"
        number = {"provider": "cloud_api", "phone_number_id": number_id, "access_token": "EAAdemo-token"}
        instance = await self.api("POST", f"/accounts/{account_id}/instances", number)
        body = {"account_id": account_id, "instance_id": instance["id"], **settings}
        made = await self.api("POST", "/integrations", body)
        url = f"{self.stack.ingress_url}/integrations/3cx/webhook/{made['id']}"
        return Integration(made["id"], account_id, number_id, url, made["secret"], made.get("forward_secret") or "")

    async def post(
        self, integration: Integration, body: dict[str, Any] | str | bytes, *, secret: str | None = None, **headers: str
    ) -> Answer:
        """Post a webhook as 3CX; a dict is sent as JSON."""
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        sent = {
            "Content-Type": "application/json",
            "X-WhatsApp-Gateway-3CX-Secret": integration.secret if secret is None else secret,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        async with self._session.post(integration.url, data=data, headers=sent, timeout=timeout) as answer:
            return Answer(answer.status, await answer.json(), dict(answer.headers))

    async def reply(
        self, integration: Integration, to: str, text: str = "Hello, how can I help you?", **fields: Any
    ) -> Answer:
        """Reply to a customer as an agent."""
        body = {"event_type": "outbound_message", "to": to, "message_text": text, "message_purpose": "support"}
        return await self.post(integration, body | fields)

    async def final_answer(self, integration: Integration, event_id: str, seconds: float = 30.0) -> Answer:
        """Poll the status address of a pending event until the answer is final."""
        headers = {"X-WhatsApp-Gateway-3CX-Secret": integration.secret}
        async with asyncio.timeout(seconds):
            while True:
                async with self._session.get(f"{integration.url}/events/{event_id}", headers=headers) as answer:
                    found = Answer(answer.status, await answer.json())
                if found.result != "pending":
                    return found
                await asyncio.sleep(0.2)

    async def customer_writes(self, integration: Integration, customer: str | None, text: str, **fields: Any) -> None:
        """Write as a customer (None: by `user_id` alone); the message is on record when this returns."""
        sender = None if customer is None else customer.lstrip("+")
        wamid = await self.whatsapp.inbound(integration.number, sender, text, **fields)
        await self.wait_for_record(integration, "whatsapp.message_received", wamid)
        await asyncio.sleep(0.3)  # audit and policy consume the event independently

    async def wait_for_record(
        self, integration: Integration, type_: str, message_id: str, seconds: float = 10.0
    ) -> None:
        """Wait until an event about a WhatsApp message is on record."""
        async with asyncio.timeout(seconds):
            while True:
                found = await self.api("GET", f"/events?account_id={integration.account_id}&type={type_}&limit=50")
                if any(item["details"].get("message_id") == message_id for item in found["items"]):
                    return
                await asyncio.sleep(0.05)

    async def reply_until(self, integration: Integration, to: str, expected: str, seconds: float = 10.0) -> Answer:
        """Reply as an agent until the result is the expected one, or time is up; returns the last answer."""
        end = asyncio.get_running_loop().time() + seconds
        while True:
            answer = await self.reply(integration, to)
            if answer.result == expected or asyncio.get_running_loop().time() > end:
                return answer
            await asyncio.sleep(0.2)
