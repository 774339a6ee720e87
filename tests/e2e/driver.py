"""The gateway as people outside see it: operators, 3CX systems and customers, all over HTTP."""

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
from tools.simulator.payloads import Inbound
from tools.stack import Stack

SECRET = "X-WhatsApp-Gateway-3CX-Secret"
MARK = "quokka"
"""A word in every text that is sent, by which a leaked text is found."""
WRITERS_AT_ONCE = 100
SHOWN_ONCE = ("secret", "forward_secret", "webhook_secret")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes = field(default=b"", repr=False)
    seconds: float = 0.0

    @property
    def word(self) -> str:
        """The status of a success, or the code of a refusal."""
        return str(self.body.get("status") or self.body.get("error") or self.status)

    @property
    def details(self) -> dict[str, Any]:
        """The refusal's details; empty when there are none."""
        return dict(self.body.get("details") or {})

    @property
    def event_id(self) -> str:
        """The event's id; empty when none was told."""
        return str(self.body.get("event_id") or "")


@dataclass(frozen=True, slots=True)
class Line:
    """One 3CX system's connection, its account and its number."""

    id: str
    account_id: str
    instance_id: str
    number: str
    secret: str = field(repr=False)

    @property
    def path(self) -> str:
        """Where its webhooks are posted to."""
        return f"/integrations/3cx/webhook/{self.id}"


@dataclass(eq=False)
class Gateway:
    """A running gateway and everyone who talks to it."""

    stack: Stack
    node: BrokerNode
    amqp_url: str = field(repr=False)
    http: aiohttp.ClientSession
    whatsapp: SimulatorClient
    lines: list[Line] = field(default_factory=list, repr=False)
    seen_secrets: set[str] = field(default_factory=set, repr=False)
    unheard: set[str] | None = None
    """Work queues that no service listened to when it was first looked: their service is not written yet."""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(106_540_352_000_000))
    _people: Iterator[int] = field(default_factory=itertools.count)
    _doors: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    @asynccontextmanager
    async def of(cls, stack: Stack, node: BrokerNode, amqp_url: str) -> AsyncIterator["Gateway"]:
        """Drive a stack that runs already."""
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=5)
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
        return await self._asked(method, url, data, headers, params)

    async def done(self, method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        """The body of an operators' call that must succeed."""
        answer = await self.api(method, path, body, **query)
        assert answer.status < 300, f"{method} {path}: {answer.status} {answer.body}"
        self.seen_secrets |= {str(answer.body[name]) for name in SHOWN_ONCE if answer.body.get(name)}
        return answer.body

    async def open_line(
        self, *, account: Mapping[str, Any] | None = None, number: Mapping[str, Any] | None = None, **integration: Any
    ) -> Line:
        """Make an account with one number and one integration."""
        fields = {"name": "Acme", "business_name": "Acme Clinic", "timezone": "Asia/Riyadh", "default_region": "SA"}
        made = await self.done("POST", "/accounts", fields | dict(account or {}))
        told = f"{next(self._numbers)}"
        token = f"EAA-{MARK}-token-{told}"
        self.seen_secrets.add(token)
        instance = await self.done(
            "POST",
            f"/accounts/{made['id']}/instances",
            {"provider": "cloud_api", "phone_number_id": told, "access_token": token, **(number or {})},
        )
        return await self.connect(made["id"], instance["id"], told, **integration)

    async def connect(self, account_id: str, instance_id: str, number: str, **integration: Any) -> Line:
        """Make one more integration for a number that is there."""
        body = {"account_id": account_id, "instance_id": instance_id, **integration}
        made = await self.done("POST", "/integrations", body)
        self.lines.append(Line(made["id"], account_id, instance_id, number, made["secret"]))
        return self.lines[-1]

    async def records(self, *, most: int = 100_000, **query: Any) -> list[dict[str, Any]]:
        """What is on record, newest first, through all pages."""
        found: list[dict[str, Any]] = []
        page: dict[str, Any] = {"next_cursor": None, "items": []}
        while len(found) < most:
            cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else {}
            page = await self.done("GET", "/events", limit=200, **query, **cursor)
            found += page["items"]
            if page["next_cursor"] is None:
                break
        return found

    async def recorded(self, count: int = 1, *, seconds: float = 15.0, **query: Any) -> list[dict[str, Any]]:
        """Wait until at least so many records fit the query."""

        async def there() -> list[dict[str, Any]]:
            found = await self.records(**query)
            return found if len(found) >= count else []

        return await eventually(there, seconds=seconds)

    async def metric(self, service: str, name: str, **labels: str) -> float:
        """The sum of a metric's samples that carry these labels, over all replicas of a service."""
        total = 0.0
        for process in self.stack.services[service]:
            total += sample(await self.page(process.ready_url.replace("/readyz", "/metrics")), name, **labels)
        return total

    async def page(self, url: str) -> str:
        """A page's text."""
        async with self.http.get(url) as answer:
            return await answer.text()

    # ------------------------------------------------------------ 3CX

    def url(self, path: str, at: int | None = None) -> str:
        """An address at one ingress, or at each in turn."""
        urls = self.stack.ingress_urls
        return urls[(next(self._doors) if at is None else at) % len(urls)] + path

    async def post(
        self, line: Line, body: Any, *, at: int | None = None, secret: str | None = None, **headers: str
    ) -> Answer:
        """3CX posts a webhook: a dict as JSON, bytes as they are. Header names are written with underscores."""
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        sent = {"Content-Type": "application/json", SECRET: line.secret if secret is None else secret}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self._asked("POST", self.url(line.path, at), data, sent)

    async def reply(self, line: Line, to: str, text: str = f"Hello, your {MARK} is ready.", **fields: Any) -> Answer:
        """An agent writes to a customer."""
        return await self.post(line, outbound(to, text) | fields)

    async def status(self, line: Line, event_id: str, *, secret: str | None = None) -> Answer:
        """Ask what became of an event."""
        headers = {SECRET: line.secret if secret is None else secret}
        return await self._asked("GET", self.url(f"{line.path}/events/{event_id}"), None, headers)

    async def final(self, line: Line, answer: Answer, *, seconds: float = 30.0) -> Answer:
        """The final answer of an event: the one at hand unless that says `pending`."""
        if answer.word != "pending":
            return answer

        async def known() -> Answer | None:
            found = await self.status(line, answer.event_id)
            return None if found.word == "pending" else found

        found = await eventually(known, seconds=seconds, pause=0.1)
        assert found is not None
        return found

    # ------------------------------------------------------------ customers

    def a_customer(self) -> str:
        """The phone of somebody who is in no other test."""
        return f"+96651{next(self._people):07d}"

    async def customers_write(
        self, line: Line, customers: Sequence[str], text: str = f"Is my {MARK} ready?", **fields: Any
    ) -> None:
        """Customers write to the line's number; when this returns, policy knows of it."""
        before = await self.metric("policy", "gateway_deliveries_total", queue="policy.inbound", settlement="ack")
        for start in range(0, len(customers), WRITERS_AT_ONCE):
            inbounds = [
                Inbound.model_validate({"phone_number_id": line.number, "sender": who, "text": text} | fields)
                for who in customers[start : start + WRITERS_AT_ONCE]
            ]
            posted = await self.whatsapp.write(*inbounds)
            assert posted.answers == (200,)

        async def heard() -> bool:
            now = await self.metric("policy", "gateway_deliveries_total", queue="policy.inbound", settlement="ack")
            return now >= before + len(customers)

        await eventually(heard)

    async def a_writer(self, line: Line, **fields: Any) -> str:
        """A customer who just wrote, so that the window is open."""
        customer = self.a_customer()
        await self.customers_write(line, [customer], **fields)
        return customer

    async def _asked(
        self,
        method: str,
        url: str,
        data: bytes | None,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        begun = time.monotonic()
        async with self.http.request(method, url, data=data, headers=headers, params=params) as answer:
            content = await answer.read()
            body = orjson.loads(content) if answer.content_type == "application/json" else {}
            return Answer(answer.status, body, answer.headers, content, time.monotonic() - begun)


def outbound(to: str, text: str = f"Hello, your {MARK} is ready.") -> dict[str, Any]:
    """An agent's message."""
    return {"event_type": "outbound_message", "to": to, "message_text": text, "message_purpose": "support"}


def sample(page: str, name: str, **labels: str) -> float:
    """The sum of the samples of a metrics page that have this name and these labels."""
    total = 0.0
    for found in re.finditer(rf"^{name}(?:\{{(.*)\}})? (\S+)$", page, re.MULTILINE):
        told = dict(re.findall(r'(\w+)="([^"]*)"', found[1] or ""))
        if all(told.get(label) == value for label, value in labels.items()):
            total += float(found[2])
    return total


async def all_of(*asked: Any) -> list[Answer]:
    """Several requests at once."""
    return list(await asyncio.gather(*asked))
