"""A media server on a real socket, before the simulator and a stand-in for Evolution, on a store in a file."""

import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
from aiohttp import web

from libs.chassis.http_server import Server
from libs.contracts.errors import unavailable
from libs.contracts.events import Event, MediaFetched
from libs.providers.http import open_session
from libs.providers.provider import MediaOptions
from libs.providers.registry import PROVIDERS
from libs.store.factory import open_store
from libs.store.sealer import sealer_from
from libs.store.store import Store
from services.sender.adapters.forward_client import AddressLimits
from services.sender.adapters.numbers import TOKEN_FIELD, DirectoryNumbers
from services.sender.adapters.outbound_files import MediaFiles
from services.sender.app.dependencies import SenderDependencies, refusal_effects
from services.sender.domain.media_links import ForwardedMedia, LinkRules, MediaLinks
from services.sender.http.media_server import MediaDependencies, media_endpoint
from services.sender.settings import SenderSettings
from tests.builders import PSEUDONYMS, an_account, an_integration
from tests.builders import a_number as number_row
from tests.event_keys import key_setting
from tests.evolution_stub import EvolutionStub, evolution
from tools.simulator.app import simulator_runner
from tools.simulator.client import SimulatorClient
from tools.simulator.simulator_state import SimulatorSettings
from tools.simulator.webhook_payloads import media_bytes_of, media_id_of

TOKEN = "made-up-token"
KEYS = "k1:" + base64.b64encode(bytes(range(32))).decode()
PHONE = "+966512345678"
CUSTOMER_KEY = PSEUDONYMS.customer_key("acc_1", PHONE)
CLOUD, EVOLUTION = "num_1", "num_2"


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Published:
    """A broker that keeps what was published; away, it takes nothing."""

    events: list[Event] = field(default_factory=list)
    away: bool = False

    async def publish(self, event: Event, *, id: UUID, at: datetime | None = None) -> None:  # noqa: A002
        if self.away:
            raise unavailable("broker")
        self.events.append(event)

    @property
    def fetched(self) -> list[MediaFetched]:
        return [event for event in self.events if isinstance(event, MediaFetched)]


@dataclass
class MediaWorld:
    """The server, and what it stands on."""

    store: Store
    whatsapp: SimulatorClient
    evolution: EvolutionStub
    broker: Published
    settings: SenderSettings
    session: aiohttp.ClientSession
    url: str = ""

    def link(self, *, number_id: str = CLOUD, rules: LinkRules | None = None, keys: str = KEYS, **changes: Any) -> str:
        """A link to a file; a test names what its case is about."""
        fields = {"id": "5", "mime_type": "image/jpeg", "sha256": None, "filename": None} | changes.pop("fields", {})
        known: dict[str, Any] = {
            "account_id": "acc_1",
            "integration_id": "int_1",
            "number_id": number_id,
            "message_id": "wamid.5",
            "sent_at": now() - timedelta(minutes=5),
            "kind": "image",
            "addresses": (PHONE,),
        }
        media = ForwardedMedia(fields=fields, **(known | changes))
        links = MediaLinks(base_url=self.url, keys=sealer_from(keys).keys, pseudonyms=PSEUDONYMS)
        link = links.link(media, rules or LinkRules())
        assert link is not None
        return link.url

    async def received(self, **changes: Any) -> str:
        """A link to a file that a customer sent by the Cloud API's stand-in; `fields` change what its webhook told."""
        message = await self.whatsapp.inbound("1000000000001", PHONE, type=changes.get("kind", "image"))
        media_id, digest = media_of(message, (await self.behaviour())["media"]["size"])
        told = {"id": media_id, "sha256": digest} | changes.pop("fields", {})
        return self.link(message_id=message, fields=told, **changes)

    async def behaviour(self) -> dict[str, Any]:
        return await self.whatsapp.configure()

    async def plan(self, **media: Any) -> None:
        """How the stand-in answers for files."""
        await self.whatsapp.configure(media=media)


def media_of(wamid: str, size: int | None) -> tuple[str, str]:
    """The id of a message's file, and its digest as Meta's webhook writes it."""
    media_id = media_id_of(wamid)
    return media_id, base64.b64encode(hashlib.sha256(media_bytes_of(media_id, size)).digest()).decode()


@asynccontextmanager
async def a_media_world(folder: Path, **settings: Any) -> AsyncIterator[MediaWorld]:
    """Serve links; `settings` are those of the sender."""
    async with AsyncExitStack() as stack:
        simulator = simulator_runner(SimulatorSettings(app_secret="app-secret", access_tokens=(TOKEN,)))
        await simulator.setup()
        stack.push_async_callback(simulator.cleanup)
        await web.TCPSite(simulator, "127.0.0.1", 0).start()
        api_url = f"http://127.0.0.1:{simulator.addresses[0][1]}"
        hook = await stack.enter_async_context(_webhooks())
        whatsapp = await stack.enter_async_context(SimulatorClient(api_url))
        await whatsapp.configure(webhook_urls=[hook])
        stub = await stack.enter_async_context(evolution(EvolutionStub(instances={"main": TOKEN})))
        store = await open_store(f"sqlite:///{folder / 'gateway.db'}")
        stack.push_async_callback(store.close)
        await _save_rows(store, stub.url)
        made = SenderSettings.from_environ(
            key_setting("sender")
            | {
                "GATEWAY_AMQP_URL": "amqp://guest:guest@127.0.0.1/",
                "GATEWAY_STORE_URL": "sqlite:///unused",
                "GATEWAY_HASH_KEY": "k" * 32,
                "GATEWAY_SECRET_KEYS": KEYS,
                "GATEWAY_DO_NOT_CONTACT_KEYS": KEYS,
                "GATEWAY_WHATSAPP_API_URL": api_url,
                "GATEWAY_MEDIA_DOWNLOAD_HOSTS": "127.0.0.1",
                "GATEWAY_PROVIDER_TIMEOUT": "1",
            }
            | {f"GATEWAY_{name.upper()}": str(value) for name, value in settings.items()}
        )
        session = await stack.enter_async_context(aiohttp.ClientSession())
        world = MediaWorld(store, whatsapp, stub, Published(), made, session)
        world.url = await stack.enter_async_context(_served(world, api_url))
        yield world


@asynccontextmanager
async def _served(world: MediaWorld, api_url: str) -> AsyncIterator[str]:
    limits = AddressLimits(private_allowed=True, ports=())
    async with (
        open_session(timeout_s=1.0, connections=32) as session,
        open_session(timeout_s=1.0, connections=32, addresses=limits) as guarded,
    ):
        options = MediaOptions(
            session=session,
            guarded_session=guarded,
            addresses=limits,
            clock=now,
            api_url=api_url,
            api_version="v25.0",
            hosts=world.settings.media_download_hosts,
            timeout_s=world.settings.provider_timeout,
        )
        numbers = DirectoryNumbers(world.store.directory, sealer_from(KEYS))
        senders = {each.kind: each.sender(options) for each in PROVIDERS.values()}
        shared = SenderDependencies(store=world.store, numbers=numbers, providers=senders, owner="sender-1")
        dependencies = MediaDependencies(
            store=world.store,
            directory=world.store.directory,
            numbers=numbers,
            errors=shared.errors,
            effects=refusal_effects(shared),
            publisher=world.broker,
            options=options,
            files=MediaFiles(guarded, limits, world.store.uploads, sealer_from(KEYS), now),
        )
        runner = web.ServerRunner(
            Server(media_endpoint(world.settings, dependencies, options), access_log=None), shutdown_timeout=0.1
        )
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        await runner.cleanup()


@asynccontextmanager
async def _webhooks() -> AsyncIterator[str]:
    """What takes the stand-in's webhooks: a message exists only when it was told."""

    async def taken(_: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_post("/", taken)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


async def _save_rows(store: Store, evolution_url: str) -> None:
    seal = sealer_from(KEYS).seal
    rows = (
        an_account(),
        number_row(sealed_token=seal(TOKEN, owner=CLOUD, field_name=TOKEN_FIELD)),
        number_row(
            id=EVOLUTION,
            provider="evolution",
            phone_number_id="main",
            base_url=evolution_url,
            sealed_token=seal(TOKEN, owner=EVOLUTION, field_name=TOKEN_FIELD),
        ),
        an_integration(),
        an_integration(id="int_off", media_links="off"),
        an_integration(id="int_images", media_links="images"),
        an_integration(id="int_disabled", enabled=False),
    )
    for row in rows:
        assert await store.registry.save(row, [], created=True)
