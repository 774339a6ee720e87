"""The demo's account and integrations, and the few calls that play its people."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tools.simulator.client import SimulatorClient
from tools.stack import Stack

NUMBER = "106540352242922"
LATE_ANSWER = 30.0
"""Seconds to wait for any answer; the gateway's own limit is 8."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def word(self) -> str:
        """The status of a success, or the code of a refusal."""
        return str(self.body.get("status") or self.body.get("error") or self.status)


@dataclass(frozen=True, slots=True)
class Line:
    """One 3CX system's connection."""

    id: str
    account_id: str
    number: str
    url: str
    secret: str = field(repr=False)
    forward_secret: str = field(default="", repr=False)


class World:
    """An operator, agents behind 3CX, and customers on WhatsApp."""

    def __init__(self, stack: Stack, session: aiohttp.ClientSession, whatsapp: SimulatorClient) -> None:
        self.stack = stack
        self.whatsapp = whatsapp
        self._session = session
        self._numbers = iter(range(1, 1_000))

    async def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """An operator's call; raises when it is refused."""
        headers = {"Authorization": f"Bearer {self.stack.admin_token}"}
        url = f"{self.stack.console_url}/api/v1{path}"
        async with self._session.request(method, url, json=body, headers=headers) as answer:
            if answer.status >= 400:
                raise RuntimeError(f"{method} {path}: {answer.status} {await answer.text()}")
            return await answer.json() if answer.content_type == "application/json" else await answer.read()

    async def open_line(self, name: str, *, account: dict[str, Any] | None = None, **integration: Any) -> Line:
        """Create an account with one number and one integration."""
        made = await self.api(
            "POST",
            "/accounts",
            {
                "name": name,
                "business_name": f"{name} Clinic",
                "plan": "starter",
                "timezone": "Asia/Riyadh",
                "default_region": "SA",
                **(account or {}),
            },
        )
        number = f"{NUMBER}{next(self._numbers):03d}"
        instance = await self.api(
            "POST",
            f"/accounts/{made['id']}/instances",
            {"provider": "cloud_api", "phone_number_id": number, "access_token": "EAAdemo-token"},
        )
        line = await self.api(
            "POST", "/integrations", {"account_id": made["id"], "instance_id": instance["id"], **integration}
        )
        url = f"{self.stack.ingress_url}/integrations/3cx/webhook/{line['id']}"
        return Line(line["id"], made["id"], number, url, line["secret"], line.get("forward_secret") or "")

    async def post(
        self, line: Line, body: dict[str, Any] | str | bytes, *, secret: str | None = None, **headers: str
    ) -> Answer:
        """3CX posts a webhook; a dict is sent as JSON."""
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        sent = {
            "Content-Type": "application/json",
            "X-WhatsApp-Gateway-3CX-Secret": line.secret if secret is None else secret,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        timeout = aiohttp.ClientTimeout(total=LATE_ANSWER)
        async with self._session.post(line.url, data=data, headers=sent, timeout=timeout) as answer:
            return Answer(answer.status, await answer.json(), dict(answer.headers))

    async def reply(self, line: Line, to: str, text: str = "Hello, how can I help you?", **fields: Any) -> Answer:
        """An agent answers a customer."""
        body = {"event_type": "outbound_message", "to": to, "message_text": text, "message_purpose": "support"}
        return await self.post(line, body | fields)

    async def final(self, line: Line, event_id: str, seconds: float = 30.0) -> Answer:
        """Ask for a pending event until it is final."""
        headers = {"X-WhatsApp-Gateway-3CX-Secret": line.secret}
        async with asyncio.timeout(seconds):
            while True:
                async with self._session.get(f"{line.url}/events/{event_id}", headers=headers) as answer:
                    found = Answer(answer.status, await answer.json())
                if found.word != "pending":
                    return found
                await asyncio.sleep(0.2)

    async def customer_writes(self, line: Line, customer: str, text: str, **fields: Any) -> None:
        """A customer writes, and the gateway has it on record when this returns."""
        wamid = await self.whatsapp.inbound(line.number, customer.lstrip("+"), text, **fields)
        await self.recorded(line, "whatsapp.message_received", wamid)
        await asyncio.sleep(0.3)  # the record and the decision about it go separate ways

    async def recorded(self, line: Line, type_: str, message_id: str, seconds: float = 10.0) -> None:
        """Wait until an event about a WhatsApp message is on record."""
        async with asyncio.timeout(seconds):
            while True:
                found = await self.api("GET", f"/events?account_id={line.account_id}&type={type_}&limit=50")
                if any(item["details"].get("message_id") == message_id for item in found["items"]):
                    return
                await asyncio.sleep(0.05)

    async def until(self, line: Line, to: str, expected: str, seconds: float = 10.0) -> Answer:
        """An agent writes until the answer is the expected one, or time is up; returns the last answer."""
        end = asyncio.get_running_loop().time() + seconds
        while True:
            answer = await self.reply(line, to)
            if answer.word == expected or asyncio.get_running_loop().time() > end:
                return answer
            await asyncio.sleep(0.2)
