"""The test driver: calls the gateway over HTTP as operators, 3CX systems and customers."""

import asyncio
import itertools
import re
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from tests.e2e.waiting import eventually
from tools.broker import BrokerNode
from tools.simulator.client import SimulatorClient
from tools.simulator.webhook_payloads import Inbound
from tools.stack import Stack

SECRET = "X-WhatsApp-Gateway-3CX-Secret"
MARK = "quokka"
"""A word in every text that is sent, so that a leaked text can be found."""
WRITERS_AT_ONCE = 100
SHOWN_ONCE = ("secret", "forward_secret", "webhook_secret")


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes = field(default=b"", repr=False)
    seconds: float = 0.0

    @property
    def result(self) -> str:
        """The `status` of a success, or the `error` of a refusal."""
        return str(self.body.get("status") or self.body.get("error") or self.status)

    @property
    def details(self) -> dict[str, Any]:
        """The details; empty when there are none."""
        return dict(self.body.get("details") or {})

    @property
    def event_id(self) -> str:
        """The event's id; empty when the answer has none."""
        return str(self.body.get("event_id") or "")


@dataclass(frozen=True, slots=True)
class Integration:
    """An integration, with its account and its number."""

    id: str
    account_id: str
    instance_id: str
    number: str
    secret: str = field(repr=False)

    @property
    def path(self) -> str:
        """The path of its webhooks."""
        return f"/integrations/3cx/webhook/{self.id}"


@dataclass(eq=False)
class Gateway:
    """A running gateway and its clients."""

    stack: Stack
    node: BrokerNode
    amqp_url: str = field(repr=False)
    http: aiohttp.ClientSession
    whatsapp: SimulatorClient
    integrations: list[Integration] = field(default_factory=list, repr=False)
    seen_secrets: set[str] = field(default_factory=set, repr=False)
    queues_without_consumer: set[str] | None = None
    """Work queues that had no consumer at the first ledger check."""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(106_540_352_000_000))
    _people: Iterator[int] = field(default_factory=itertools.count)
    _next_ingress: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    @asynccontextmanager
    async def of(cls, stack: Stack, node: BrokerNode, amqp_url: str) -> AsyncIterator["Gateway"]:
        """Connect to a running stack."""
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=2)
        timeout = aiohttp.ClientTimeout(total=30)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as http,
            SimulatorClient(stack.whatsapp_url) as whatsapp,
        ):
            yield cls(stack, node, amqp_url, http, whatsapp)

    # ------------------------------------------------------------ operators

    async def api(self, method: str, path: str, body: Any = None, *, token: str | None = None, **query: Any) -> Answer:
        """Call the operators' API as its admin, or with another token."""
        headers = {"Authorization": f"Bearer {self.stack.admin_token if token is None else token}"}
        url = f"{self.stack.console_url}/api/v1{path}"
        data = None if body is None else orjson.dumps(body)
        params = {name.rstrip("_"): str(value) for name, value in query.items()}
        if data is not None:
            headers["Content-Type"] = "application/json"
        return await self._request(method, url, data, headers, params)

    async def done(self, method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        """Call the operators' API and return the body; the call must succeed."""
        answer = await self.api(method, path, body, **query)
        assert answer.status < 300, f"{method} {path}: {answer.status} {answer.body}"
        self.seen_secrets |= {str(answer.body[name]) for name in SHOWN_ONCE if answer.body.get(name)}
        return answer.body

    async def create_integration(
        self, *, account: Mapping[str, Any] | None = None, number: Mapping[str, Any] | None = None, **settings: Any
    ) -> Integration:
        """Create an account with one number and one integration."""
        fields: dict[str, Any] = {"name": "Acme", "business_name": "Acme Clinic", "timezone": "Asia/Riyadh"}
        fields |= {"default_region": "SA", "require_opt_in": False}
        made = await self.done("POST", "/accounts", fields | dict(account or {}))
        number_id = f"{next(self._numbers)}"
        token = f"EAA-{MARK}-token-{number_id}"
        self.seen_secrets.add(token)
        instance = await self.done(
            "POST",
            f"/accounts/{made['id']}/instances",
            {"provider": "cloud_api", "phone_number_id": number_id, "access_token": token, **(number or {})},
        )
        return await self.add_integration(made["id"], instance["id"], number_id, **settings)

    async def add_integration(self, account_id: str, instance_id: str, number: str, **settings: Any) -> Integration:
        """Create another integration for an existing number."""
        body = {"account_id": account_id, "instance_id": instance_id, **settings}
        made = await self.done("POST", "/integrations", body)
        self.integrations.append(Integration(made["id"], account_id, instance_id, number, made["secret"]))
        return self.integrations[-1]

    async def records(self, *, most: int = 100_000, **query: Any) -> list[dict[str, Any]]:
        """The records of a query, newest first, from all pages."""
        found: list[dict[str, Any]] = []
        page: dict[str, Any] = {"next_cursor": None, "items": []}
        while len(found) < most:
            cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else {}
            page = await self.done("GET", "/events", limit=200, **query, **cursor)
            found += page["items"]
            if page["next_cursor"] is None:
                break
        return found

    async def wait_for_records(self, count: int = 1, *, seconds: float = 15.0, **query: Any) -> list[dict[str, Any]]:
        """Wait until at least `count` records match the query."""

        async def enough() -> list[dict[str, Any]]:
            found = await self.records(**query)
            return found if len(found) >= count else []

        return await eventually(enough, seconds=seconds)

    async def metric(self, service: str, name: str, **labels: str) -> float:
        """The sum of a metric's samples with these labels, over all replicas of a service."""
        total = 0.0
        for process in self.stack.services[service]:
            total += sum_of_samples(await self.page(process.ready_url.replace("/readyz", "/metrics")), name, **labels)
        return total

    async def page(self, url: str) -> str:
        """A page's text."""
        async with self.http.get(url) as answer:
            return await answer.text()

    # ------------------------------------------------------------ 3CX

    def url(self, path: str, at: int | None = None) -> str:
        """A URL at the ingress replica `at`, or at each replica in turn."""
        urls = self.stack.ingress_urls
        return urls[(next(self._next_ingress) if at is None else at) % len(urls)] + path

    async def post(
        self, integration: Integration, body: Any, *, at: int | None = None, secret: str | None = None, **headers: str
    ) -> Answer:
        """Post a webhook as 3CX: a dict as JSON, bytes unchanged. Write header names with underscores."""
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        sent = {"Content-Type": "application/json", SECRET: integration.secret if secret is None else secret}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self._request("POST", self.url(integration.path, at), data, sent)

    async def reply(
        self, integration: Integration, to: str, text: str = f"Hello, your {MARK} is ready.", **fields: Any
    ) -> Answer:
        """Send a message to a customer as an agent."""
        return await self.post(integration, outbound(to, text) | fields)

    async def status(self, integration: Integration, event_id: str, *, secret: str | None = None) -> Answer:
        """Get the status address of an event."""
        headers = {SECRET: integration.secret if secret is None else secret}
        return await self._request("GET", self.url(f"{integration.path}/events/{event_id}"), None, headers)

    async def final_answer(self, integration: Integration, answer: Answer, *, seconds: float = 30.0) -> Answer:
        """The final answer of an event: this answer, or the polled one when it is `pending`.

        An answer that is not about the event (503, while the store is away) is asked for again, as a caller does.
        """
        if answer.result != "pending":
            return answer

        async def known() -> Answer | None:
            found = await self.status(integration, answer.event_id)
            return None if found.result == "pending" or found.event_id != answer.event_id else found

        found = await eventually(known, seconds=seconds, pause=0.1)
        assert found is not None
        return found

    # ------------------------------------------------------------ customers

    def a_customer(self) -> str:
        """A phone that no other test uses."""
        return f"+96651{next(self._people):07d}"

    async def customers_write(
        self, integration: Integration, customers: Sequence[str], text: str = f"Is my {MARK} ready?", **fields: Any
    ) -> None:
        """Send messages as customers; policy has processed them when this returns."""
        before = await self.metric("policy", "gateway_deliveries_total", queue="policy.inbound", settlement="ack")
        for start in range(0, len(customers), WRITERS_AT_ONCE):
            inbounds = [
                Inbound.model_validate({"phone_number_id": integration.number, "sender": who, "text": text} | fields)
                for who in customers[start : start + WRITERS_AT_ONCE]
            ]
            posted = await self.whatsapp.write(*inbounds)
            assert posted.answers == (200,)

        async def processed() -> bool:
            now = await self.metric("policy", "gateway_deliveries_total", queue="policy.inbound", settlement="ack")
            return now >= before + len(customers)

        await eventually(processed)

    async def a_customer_who_wrote(self, integration: Integration, **fields: Any) -> str:
        """A customer who just wrote, so that the conversation window is open."""
        customer = self.a_customer()
        await self.customers_write(integration, [customer], **fields)
        return customer

    async def _request(
        self,
        method: str,
        url: str,
        data: bytes | None,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        start = time.monotonic()
        async with self.http.request(method, url, data=data, headers=headers, params=params) as answer:
            content = await answer.read()
            body = orjson.loads(content) if answer.content_type == "application/json" else {}
            return Answer(answer.status, body, answer.headers, content, time.monotonic() - start)


def outbound(to: str, text: str = f"Hello, your {MARK} is ready.") -> dict[str, Any]:
    """An agent's message."""
    return {"event_type": "outbound_message", "to": to, "message_text": text, "message_purpose": "support"}


def sum_of_samples(page: str, name: str, **labels: str) -> float:
    """The sum of the samples of a metrics page that have this name and these labels."""
    total = 0.0
    for found in re.finditer(rf"^{name}(?:\{{(.*)\}})? (\S+)$", page, re.MULTILINE):
        sample_labels = dict(re.findall(r'(\w+)="([^"]*)"', found[1] or ""))
        if all(sample_labels.get(label) == value for label, value in labels.items()):
            total += float(found[2])
    return total


async def gather_answers(*requests: Any) -> list[Answer]:
    """Send several requests concurrently."""
    return list(await asyncio.gather(*requests))
