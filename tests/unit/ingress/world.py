"""Ingress with fakes of its ports, and an HTTP client that sends exact bytes."""

import asyncio
import base64
import hashlib
import hmac
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
from aiohttp import web

from libs.chassis.replies import Replies
from libs.chassis.subscriptions import Received
from libs.chassis.topology import POSTS, WorkQueue
from libs.contracts.decisions import Decision
from libs.contracts.errors import unavailable
from libs.contracts.events import Event, WebhookAnswered, WebhookReceived
from libs.contracts.results import AnswerCode, AnswerStatus
from libs.providers.inbound import Inbound, WebhookRequest, WebhookSource
from libs.providers.provider import Provider
from libs.providers.registry import PROVIDERS
from libs.store.accounts import Account, AuthMode, Integration, Number, SecretHash
from libs.store.callers import Caller
from libs.store.decisions import (
    Cooldown,
    CoolingDown,
    FactsQuery,
    Proposal,
    QuotaExhausted,
    StandingDecision,
    StoredFacts,
)
from libs.store.idempotency import KEPT, Duplicate, Fresh, Reused
from libs.store.restrictions import Restriction, Subject
from services.ingress.app.dependencies import Dependencies
from services.ingress.app.wiring import Application, application
from services.ingress.settings import IngressSettings
from tests.event_keys import VALUES

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
SECRET = "right-secret"
APP_SECRET = "meta-app-secret"
VERIFY_TOKEN = "meta-verify-token"
POST_KEYS = f"p1:{base64.b64encode(bytes(range(32))).decode()}"
TEST_EVENT = b'{"event_type":"test"}'


def integration(**changes: Any) -> Integration:
    row = {
        "id": "int-1",
        "account_id": "acc-1",
        "instance_id": "num-1",
        "created_at": NOW,
        "updated_at": NOW,
        "secrets": (SecretHash(sha256=hashlib.sha256(SECRET.encode()).hexdigest()),),
    }
    return Integration(**(row | changes))


STRICT = integration(id="int-strict", auth_mode=AuthMode.SECRET_HMAC)


def number(phone_number_id: str) -> Number:
    return Number(
        id=f"num-of-{phone_number_id}",
        account_id="acc-1",
        phone_number_id=phone_number_id,
        sealed_token="sealed",
        created_at=NOW,
        updated_at=NOW,
    )


@dataclass
class FakeDirectory:
    integrations: dict[str, Integration] = field(default_factory=dict)
    numbers: dict[str, Number] = field(default_factory=dict)
    down: bool = False
    learnt: list[tuple[str, str]] = field(default_factory=list)
    caches: bool = False
    """Whether every row is cached, or none."""
    reads: int = 0

    async def account(self, account_id: str) -> Account | None:
        return None

    async def number(self, *, number_id: str | None = None, phone_number_id: str | None = None) -> Number | None:
        self.reads += 1
        if self.down:
            raise unavailable("store")
        return self.numbers.get(phone_number_id or number_id or "")

    async def integration(self, integration_id: str) -> Integration | None:
        self.reads += 1
        if self.down:
            raise unavailable("store")
        return self.integrations.get(integration_id)

    def cached_integration(self, integration_id: str) -> Integration | None:
        return self.integrations.get(integration_id) if self.caches else None

    async def read_integration(self, integration_id: str) -> Integration | None:
        found = await self.integration(integration_id)
        return None if found is None else Integration.model_validate_json(found.model_dump_json())  # as a store does

    def cached_number(self, number_id: str) -> Number | None:
        return self.numbers.get(number_id) if self.caches else None

    async def read_number(self, number_id: str) -> Number | None:
        found = await self.number(number_id=number_id)
        return None if found is None else Number.model_validate_json(found.model_dump_json())

    async def numbers_of(self, business_account_id: str) -> Sequence[Number]:
        return [number for number in self.numbers.values() if number.business_account_id == business_account_id]

    async def learn(self, number_id: str, business_account_id: str, cause: UUID, at: datetime) -> bool:
        self.learnt.append((number_id, business_account_id))
        return True


Policy = Callable[[UUID, WebhookReceived], AnswerCode | None]


@dataclass
class FakeBroker:
    """Keeps published events; the answers of `policy` arrive as replies."""

    replies: Replies
    policy: Policy
    down: bool = False
    tried: int = 0
    taken: list[tuple[UUID, Event]] = field(default_factory=list)
    dead: list[tuple[UUID, Event]] = field(default_factory=list)

    async def dead_letter(
        self,
        event: Event,
        work: WorkQueue,
        *,
        id: UUID,  # noqa: A002 -- the port's own word
        reason: str,
    ) -> None:
        await asyncio.sleep(0)
        if self.down:
            raise unavailable("broker")
        assert (work, reason) == (POSTS, "unreadable_post")
        self.dead.append((id, event))

    async def publish(
        self,
        event: Event,
        *,
        id: UUID,  # noqa: A002 -- the port's own word
        at: datetime | None = None,
        correlation_id: str | None = None,
    ) -> None:
        await asyncio.sleep(0)
        self.tried += 1
        if self.down:
            raise unavailable("broker")
        self.taken.append((id, event))
        if isinstance(event, WebhookReceived) and (code := self.policy(id, event)) is not None:
            await self.answer(event, id, code)

    async def answer(self, event: WebhookReceived, event_id: UUID, code: AnswerCode, **told: Any) -> None:
        answered = WebhookAnswered(
            account_id=event.account_id,
            integration_id=event.integration_id,
            event_id=event_id,
            reply_to=event.reply_to,
            code=code,
            **told,
        )
        await self.replies.deliver(Received(event=answered, id=answered.derived_id(event_id), at=NOW))

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for _, event in self.taken if isinstance(event, kind)]


@dataclass
class FakeDecisions:
    made: dict[str, Decision] = field(default_factory=dict)
    down: bool = False

    async def decide(self, proposal: Proposal) -> StandingDecision | QuotaExhausted:
        if self.down:
            raise unavailable("store")
        fresh = proposal.event_id not in self.made
        return StandingDecision(self.made.setdefault(proposal.event_id, proposal.decision), fresh)

    async def facts(self, question: FactsQuery) -> StoredFacts:
        raise NotImplementedError

    async def cooling_down(self, cooldown: Cooldown, now: datetime) -> CoolingDown | None:
        raise NotImplementedError

    async def release(self, event_id: str, now: datetime) -> bool:
        raise NotImplementedError


@dataclass
class FakeIdempotency:
    owners: dict[tuple[Caller, str], dict[str, Any]] = field(default_factory=dict)
    failure: Exception | None = None

    async def claim(
        self, *, caller: Caller, key: str, body_hash: str, event_id: str, now: datetime, kept: timedelta = KEPT
    ) -> Fresh | Duplicate | Reused:
        if self.failure is not None:
            raise self.failure
        owner = self.owners.get((caller, key))
        if owner is None or owner["at"] <= now - kept:
            self.owners[caller, key] = {"event_id": event_id, "hash": body_hash, "answer": None, "at": now}
            return Fresh()
        return (
            Duplicate(owner["event_id"], owner["answer"]) if owner["hash"] == body_hash else Reused(owner["event_id"])
        )

    async def answer(self, *, caller: Caller, key: str, event_id: str, answer: bytes) -> None:
        self.owners[caller, key]["answer"] = answer

    async def release(self, *, caller: Caller, key: str, event_id: str) -> None:
        del self.owners[caller, key]


@dataclass
class FakeAnswers:
    known: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    failures: int = 0
    """The next so many marks fail."""

    async def mark_pending(self, event_id: str, integration_id: str, *, now: datetime) -> None:
        if self.failures:
            self.failures -= 1
            raise unavailable("store")
        self.known.setdefault((event_id, integration_id), {})

    async def find(self, event_id: str, integration_id: str) -> dict[str, Any] | None:
        return self.known.get((event_id, integration_id))


@dataclass
class FakeRestrictions:
    """The restrictions of numbers."""

    rows: list[Restriction] = field(default_factory=list)
    down: bool = False

    async def standing(self, account_id: str, subjects: Collection[Subject], now: datetime) -> Sequence[Restriction]:
        if self.down:
            raise unavailable("store")
        return [row for row in self.rows if row.account_id == account_id and row.subject in subjects]

    async def get(self, restriction_id: str, now: datetime) -> Restriction | None:
        raise NotImplementedError

    async def page(self, **filters: Any) -> Sequence[Restriction]:
        raise NotImplementedError


@dataclass
class FakeRateLimits:
    room: int = 1_000_000
    """How many requests each caller may make."""
    down: bool = False
    counted: Counter[Caller] = field(default_factory=Counter)

    async def hit(self, caller: Caller, per_minute: int = 60) -> float | None:
        if self.down:
            raise unavailable("rate limits")
        if self.counted[caller] >= (self.room if per_minute == 60 else per_minute):
            return 12.3
        self.counted[caller] += 1
        return None

    def refund(self, caller: Caller, per_minute: int = 60) -> None:
        self.counted[caller] -= 1


class ReadsAtOnce:
    """A PostReader that reads in the caller's thread."""

    async def read(self, source: WebhookSource, request: WebhookRequest) -> Inbound:
        return source.parse(request)


@dataclass
class FakeRecorder:
    """A Recorder that keeps the events."""

    events: list[Event] = field(default_factory=list)

    def record(self, event: Event, event_id: UUID) -> None:
        self.events.append(event)

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def always_ok(event_id: UUID, event: WebhookReceived) -> AnswerCode | None:
    return AnswerStatus.OK


@dataclass
class World:
    settings: dict[str, Any] = field(default_factory=dict)
    policy: Policy = always_ok
    seconds: float = 0.0
    providers: Mapping[str, Provider] = PROVIDERS

    def __post_init__(self) -> None:
        self.replies = Replies()
        self.directory = FakeDirectory({i.id: i for i in (integration(), STRICT)})
        self.broker = FakeBroker(self.replies, self.policy)
        self.decisions, self.idempotency, self.answers, self.rate_limits, self.recorder = (
            FakeDecisions(),
            FakeIdempotency(),
            FakeAnswers(),
            FakeRateLimits(),
            FakeRecorder(),
        )
        self.rejections = FakeRecorder()
        self.restrictions = FakeRestrictions()
        self.served: Application = application(
            IngressSettings.model_validate(
                {
                    "amqp_url": "amqp://nowhere",
                    "store_url": "sqlite:////nowhere/gateway.db",
                    "hash_key": "k" * 32,
                    "event_keys": VALUES()["ingress"],
                    "whatsapp_app_secret": APP_SECRET,
                    "whatsapp_verify_token": VERIFY_TOKEN,
                    "post_keys": POST_KEYS,
                    "reply_timeout": 0.2,
                    "body_timeout": 0.2,
                }
                | self.settings
            ),
            Dependencies(
                directory=self.directory,
                business_accounts=self.directory,
                learn_business_account=self.directory.learn,
                publisher=self.broker,
                dead_letters=self.broker,
                replies=self.replies,
                decisions=self.decisions,
                idempotency=self.idempotency,
                answers=self.answers,
                restrictions=self.restrictions,
                rate_limits=self.rate_limits,
                post_reader=ReadsAtOnce(),
                recorder=self.recorder,
                rejections=self.rejections,
                replica="ingress-test",
                providers=self.providers,
                clock=lambda: NOW + timedelta(seconds=self.seconds),
                new_id=uuid4,
                monotonic=lambda: self.seconds,
            ),
        )


@dataclass(frozen=True)
class HttpAnswer:
    """An HTTP answer as received."""

    status: int
    head: bytes
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    def header(self, name: str) -> str | None:
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.decode().lower() == name.lower():
                return value.strip().decode()
        return None


@dataclass(frozen=True)
class HttpClient:
    """A client that sends exact bytes to a running ingress."""

    port: int

    async def send(self, *parts: bytes, patience: float = 20.0) -> HttpAnswer:
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                for part in parts:
                    writer.write(part)
                    await writer.drain()
                return await read_answer(reader)
            finally:
                writer.close()

    async def post(
        self,
        body: bytes = TEST_EVENT,
        *,
        to: str = "/integrations/3cx/webhook/int-1",
        secret: str | None = SECRET,
        headers: Sequence[tuple[str, str]] = (("Content-Type", "application/json"),),
    ) -> HttpAnswer:
        return await self.send(request("POST", to, secrets(secret, headers), body))

    async def get(self, path: str, *, secret: str | None = SECRET) -> HttpAnswer:
        return await self.send(request("GET", path, secrets(secret, ()), None))


def secrets(secret: str | None, headers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return [*headers, *([("X-WhatsApp-Gateway-3CX-Secret", secret)] if secret is not None else [])]


def request(method: str, path: str, headers: Sequence[tuple[str, str]], body: bytes | None) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: gateway"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None and not any(name.lower() == "transfer-encoding" for name, _ in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + (body or b"")


async def read_answer(reader: asyncio.StreamReader) -> HttpAnswer:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    if status == 100:
        return await read_answer(reader)
    answer = HttpAnswer(status, head, b"")
    body = await reader.readexactly(int(answer.header("Content-Length") or 0))
    return HttpAnswer(status, head, body)


@asynccontextmanager
async def http_client(world: World) -> AsyncGenerator[HttpClient, None]:
    runner = web.ServerRunner(world.served.server(), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield HttpClient(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def signature(timestamp: str, body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
