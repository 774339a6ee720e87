"""The only module that knows which adapter stands behind which port."""

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from libs.chassis.amqp import Broker
from libs.chassis.clock import Clock, NewId, new_id, utc_now
from libs.chassis.serving import Life, life_of
from libs.contracts.identity import keyed_hash
from libs.store.opening import Store, open_store
from libs.store.sealing import sealer_from
from services.console.adapters.tokens import OneToken
from services.console.domain.secrets import SECRET_BYTES
from services.console.handlers.accounts import Accounts
from services.console.handlers.changing import Changes
from services.console.handlers.events import Events
from services.console.handlers.integrations import Integrations
from services.console.handlers.numbers import Numbers
from services.console.handlers.relaying import OutboxRelay
from services.console.handlers.rotating import Rotate
from services.console.handlers.suppressions import Suppressions
from services.console.http.routes import Handlers, routes_to
from services.console.http.serving import application_from
from services.console.ports import NewSecret, Published, Seals, Tokens
from services.console.settings import ConsoleSettings

KEEPALIVE_SECONDS = 15.0
LINGERING_SECONDS = 1.0
CLOSING_SECONDS = 3.0
"""How long the last changes may take to be published at the end; what is left waits in the outbox."""


def new_secret() -> str:
    """32 random bytes, safe in a URL."""
    return secrets.token_urlsafe(SECRET_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Everything outside console that it talks to."""

    store: Store
    tokens: Tokens
    seals: Seals
    published: Published
    clock: Clock = field(default=utc_now)
    new_id: NewId = field(default=new_id)
    new_secret: NewSecret = field(default=new_secret, repr=False)


def application(settings: ConsoleSettings, around: Surroundings) -> web.Application:
    """Wire console, for production and for tests alike."""
    return application_from(
        routes_to(_handlers(settings, around)), around.tokens, private_allowed=settings.allow_private_forward
    )


def _handlers(settings: ConsoleSettings, around: Surroundings) -> Handlers:
    store, key = around.store, settings.hash_key.get_secret_value().encode()
    changes = Changes(store.registry, around.clock, around.new_id, around.published)
    return Handlers(
        accounts=Accounts(store.directory, store.registry, changes),
        numbers=Numbers(store.directory, store.registry, changes, around.seals),
        integrations=Integrations(
            directory=store.directory,
            registry=store.registry,
            changes=changes,
            seals=around.seals,
            new_secret=around.new_secret,
            public_url=settings.webhook_origin,
        ),
        rotate=Rotate(
            directory=store.directory,
            changes=changes,
            seals=around.seals,
            new_secret=around.new_secret,
            public_url=settings.webhook_origin,
        ),
        suppressions=Suppressions(
            store.suppressions, store.directory, changes, lambda account_id, phone: keyed_hash(key, account_id, phone)
        ),
        events=Events(store.records),
    )


async def serve(settings: ConsoleSettings) -> None:
    """Run until told to stop: the door opens last and closes first."""
    async with life_of("console", settings, metrics_port=settings.console_metrics_port) as life:
        store = await open_store(settings.store_url.get_secret_value())
        try:
            async with Broker.connected(life.instance, settings.amqp_url.get_secret_value()) as broker:
                await _serve(settings, life, store, broker)
        finally:
            await store.close()


async def _serve(settings: ConsoleSettings, life: Life, store: Store, broker: Broker) -> None:
    relay = OutboxRelay(store.outbox, broker)
    around = Surroundings(
        store=store,
        tokens=OneToken(settings.admin_token.get_secret_value()),
        seals=sealer_from(settings.secret_keys.get_secret_value()),
        published=relay.changed,
    )
    async with _relaying(relay, settings.outbox_seconds), _open_door(settings, application(settings, around)):
        life.ready_when(store=store.healthy, broker=broker.healthy)
        await life.until_stopped()


@asynccontextmanager
async def _open_door(settings: ConsoleSettings, app: web.Application) -> AsyncGenerator[None, None]:
    """Listen; on leaving take no new connection and let calls in hand have their answers."""
    runner = web.AppRunner(
        app,
        access_log=None,
        keepalive_timeout=KEEPALIVE_SECONDS,
        lingering_time=LINGERING_SECONDS,
        auto_decompress=False,
        shutdown_timeout=settings.drain_seconds,
    )
    await runner.setup()
    await web.TCPSite(runner, settings.console_host, settings.console_port).start()
    try:
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _relaying(relay: OutboxRelay, seconds: float) -> AsyncGenerator[None, None]:
    """Publish what waits, at start and every few seconds."""

    async def relay_for_ever() -> None:
        while True:
            await relay.flush()
            await asyncio.sleep(seconds)

    task = asyncio.create_task(relay_for_ever())
    try:
        yield
    finally:
        await relay.close(CLOSING_SECONDS)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
