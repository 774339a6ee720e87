"""Console on a real SQLite file and a broker that can be down, reached over HTTP on the loopback."""

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from libs.contracts.decisions import Decision
from libs.contracts.errors import unavailable
from libs.contracts.events import Event, SimulationAnswered
from libs.contracts.identity import Pseudonyms
from libs.store.sealer import Sealer, sealer_from
from libs.store.store import Store
from services.console.adapters.token_authenticator import TokenAuthenticator
from services.console.app.dependencies import Dependencies
from services.console.app.wiring import application
from services.console.domain.principals import Principal, RejectedCaller
from services.console.handlers.outbox_relay import OutboxRelay
from services.console.ports import SimulationQuestion
from services.console.settings import ConsoleSettings
from tests.do_not_contact import KEY_TEXT, hashes_over
from tests.empty_stores import open_empty_sqlite
from tests.event_keys import VALUES

ADMIN_TOKEN = "an-admin-token-for-tests"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PHONE = "+966512345678"
KEY = "k" * 32
POST_KEYS = f"p1:{base64.b64encode(bytes(range(1, 33))).decode()}"
SECRET_KEYS = f"k1:{base64.b64encode(bytes(range(32))).decode()}"


class FakeBroker:
    """Keeps what was published; refuses everything while it is down."""

    def __init__(self) -> None:
        self.down = False
        self.published: list[tuple[Event, UUID, datetime | None]] = []
        self.replayed: list[tuple[str, str]] = []

    async def publish(self, event: Event, *, id: UUID, at: datetime | None = None) -> None:  # noqa: A002
        if self.down:
            raise unavailable("broker")
        self.published.append((event, id, at))

    async def replay(self, queue: str, packed: str) -> None:
        if self.down:
            raise unavailable("broker")
        self.replayed.append((queue, packed))

    @property
    def events(self) -> list[Event]:
        return [event for event, _, _ in self.published]


@dataclass
class FakeTokens:
    """Those that a case adds, and the real ones."""

    held: dict[str, Principal] = field(default_factory=dict)
    rest: TokenAuthenticator | None = None

    async def authenticate(self, token: str | None) -> Principal | RejectedCaller:
        assert self.rest is not None
        return self.held.get(token or "") or await self.rest.authenticate(token)


@dataclass
class FakePolicy:
    """Answers every question alike; keeps what it was asked."""

    decision: Decision = field(default_factory=Decision)
    asked: list[SimulationQuestion] = field(default_factory=list)
    away: str | None = None
    """What is unavailable: `broker`, or `policy` itself."""

    async def __call__(self, question: SimulationQuestion) -> SimulationAnswered:
        if self.away is not None:
            raise unavailable(self.away)
        self.asked.append(question)
        return SimulationAnswered(simulation_id=UUID(int=1), reply_to="console-1", decision=self.decision)


class FrozenClock:
    """Stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **amount: float) -> None:
        self.now += timedelta(**amount)


@dataclass
class World:
    """Console and what it stands on."""

    client: TestClient[Any, Any]
    store: Store
    broker: FakeBroker
    relay: OutboxRelay
    tokens: FakeTokens
    clock: FrozenClock
    sealer: Sealer
    policy: FakePolicy
    deps: Dependencies

    async def call(self, method: str, path: str, *, token: str | None = ADMIN_TOKEN, **said: Any) -> ClientResponse:
        headers = dict(said.pop("headers", {}))
        if token is not None:
            headers.setdefault("Authorization", f"Bearer {token}")
        return await self.client.request(method, f"/api/v1{path}", headers=headers, **said)

    async def ok(self, method: str, path: str, json: Any = None, **said: Any) -> Any:
        response = await self.call(method, path, json=json, **said)
        body = await response.json()
        assert response.status in (200, 201), body
        return body

    async def account(self, **changes: Any) -> dict[str, Any]:
        known = {"name": "Acme", "business_name": "Acme Clinic", "timezone": "Asia/Riyadh", "default_region": "SA"}
        made: dict[str, Any] = await self.ok("POST", "/accounts", known | changes)
        return made

    async def number(self, account_id: str, **changes: Any) -> dict[str, Any]:
        known = {"provider": "cloud_api", "phone_number_id": "100200300", "access_token": "a-provider-token"}
        made: dict[str, Any] = await self.ok("POST", f"/accounts/{account_id}/instances", known | changes)
        return made

    async def integration(self, **changes: Any) -> dict[str, Any]:
        """An integration of an account and a number of its own, unless the case names them."""
        if "account_id" not in changes:
            changes["account_id"] = (await self.account())["id"]
        if "instance_id" not in changes:
            number = await self.number(changes["account_id"], phone_number_id=f"9{abs(hash(changes['account_id']))}")
            changes["instance_id"] = number["id"]
        made: dict[str, Any] = await self.ok("POST", "/integrations", changes)
        return made


def settings(**changes: Any) -> ConsoleSettings:
    known: dict[str, Any] = {
        "amqp_url": SecretStr("amqp://broker.invalid"),
        "store_url": SecretStr("sqlite:///made-up"),
        "hash_key": SecretStr(KEY),
        "event_keys": SecretStr(VALUES()["console"]),
        "admin_token": SecretStr(ADMIN_TOKEN),
        "secret_keys": SecretStr(SECRET_KEYS),
        "post_keys": SecretStr(POST_KEYS),
        "do_not_contact_keys": SecretStr(KEY_TEXT),
        "second_person": False,
        "public_url": "https://gateway.example.com",
    }
    return ConsoleSettings(**(known | changes))


async def _pass_time(_: float) -> None:
    """Waiting takes no time."""


@asynccontextmanager
async def a_world(folder: Path, swap: Callable[[Store], Store] = lambda s: s, **changes: Any) -> AsyncIterator[World]:
    """Console with the changed settings, on an empty store whose ports `swap` may replace."""
    store = await open_empty_sqlite(folder)
    broker, tokens, clock, sealer = FakeBroker(), FakeTokens(), FrozenClock(), sealer_from(SECRET_KEYS)
    tokens.rest = TokenAuthenticator(ADMIN_TOKEN, store.tokens, clock)
    policy = FakePolicy()
    relay = OutboxRelay(store.outbox, broker)
    deps = Dependencies(
        store=swap(store),
        authenticator=tokens,
        sealer=sealer,
        do_not_contact=hashes_over(store.do_not_contact_entries, Pseudonyms(KEY.encode())),
        publish_outbox=relay.publish_soon,
        replayer=broker,
        clock=clock,
        sleep=_pass_time,
        simulate=policy,
    )
    try:
        async with TestClient(TestServer(application(settings(**changes), deps))) as client:
            yield World(client, store, broker, relay, tokens, clock, sealer, policy, deps)
    finally:
        await store.close()
