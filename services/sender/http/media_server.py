"""The server of links to files, wired and run: on a port of its own, beside the sender's consumers."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from functools import partial
from typing import Final

from aiohttp import web

from libs.chassis.client_addresses import networks_from
from libs.chassis.clock import monotonic, new_id, utc_now
from libs.chassis.health import Probe
from libs.chassis.http_server import Server
from libs.chassis.http_spans import client_call_hooks
from libs.chassis.throttle import MinuteBudget
from libs.providers.http import open_session
from libs.providers.provider import MediaOptions, SenderOptions
from libs.providers.registry import PROVIDERS
from libs.store.accounts import Directory
from libs.store.do_not_contact import HashedErasedCustomers, do_not_contact_from
from libs.store.sealer import sealer_from
from libs.store.store import Store
from services.sender.adapters.outbound_files import MediaFiles
from services.sender.adapters.template_files import TemplateFiles
from services.sender.handlers.error_tables import ErrorTables
from services.sender.handlers.media_access import OpenLink
from services.sender.handlers.media_downloads import MediaDownloads, StreamSlots
from services.sender.handlers.refusal_effects import RefusalEffects
from services.sender.http.media_links import MediaEndpoint
from services.sender.ports import Numbers, Publisher
from services.sender.settings import SenderSettings

CANCEL_S: Final = 1.0
"""For downloads that go on after the drain."""
KEEPALIVE_S: Final = 15.0
CONNECTIONS: Final = 128
"""Files that a replica gets at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaDependencies:
    """What the server shares with the sender's consumers."""

    store: Store
    directory: Directory
    numbers: Numbers
    errors: ErrorTables
    effects: RefusalEffects
    publisher: Publisher
    options: SenderOptions
    files: MediaFiles


@asynccontextmanager
async def serve_media(settings: SenderSettings, dependencies: MediaDependencies) -> AsyncGenerator[Probe, None]:
    """Serve links while the block runs; on leaving, accept no new connection and let files end, for `drain_seconds`.

    The probe tells whether the port is listened on.
    """
    async with _options(settings, dependencies.options) as options:
        server = Server(media_endpoint(settings, dependencies, options), access_log=None, keepalive_timeout=KEEPALIVE_S)
        runner = web.ServerRunner(server, shutdown_timeout=CANCEL_S)
        await runner.setup()
        site = web.TCPSite(runner, settings.media_host, settings.media_port)
        await site.start()

        async def listens() -> bool:
            return bool(runner.addresses)

        try:
            yield listens
        finally:
            server.draining = True
            await site.stop()
            await server.drain(settings.drain_seconds)
            await runner.cleanup()


@asynccontextmanager
async def _options(settings: SenderSettings, options: SenderOptions) -> AsyncGenerator[MediaOptions, None]:
    """Sessions of their own: files that are slow must not keep messages from being sent."""
    opened = partial(
        open_session, timeout_s=settings.provider_timeout, connections=CONNECTIONS, hooks=client_call_hooks()
    )
    async with opened() as session, opened(addresses=options.addresses) as guarded_session:
        given = {each.name: getattr(options, each.name) for each in fields(SenderOptions)}
        yield MediaOptions(
            **given | {"session": session, "guarded_session": guarded_session},
            hosts=settings.media_download_hosts,
            timeout_s=settings.provider_timeout,
        )


def media_endpoint(settings: SenderSettings, dependencies: MediaDependencies, options: MediaOptions) -> MediaEndpoint:
    """Wire the endpoint."""
    return MediaEndpoint(
        open_link=OpenLink(
            keys=sealer_from(settings.secret_keys.get_secret_value()).keys,
            directory=dependencies.directory,
            erased_customers=HashedErasedCustomers(
                dependencies.store.erased_customers,
                do_not_contact_from(
                    settings.do_not_contact_keys.get_secret_value(),
                    settings.pseudonyms,
                    dependencies.store.do_not_contact_entries,
                ),
            ),
            clock=utc_now,
        ),
        downloads=MediaDownloads(
            sources={each.kind: each.media(options) for each in PROVIDERS.values() if each.media is not None},
            outbound=TemplateFiles(dependencies.files),
            numbers=dependencies.numbers,
            errors=dependencies.errors,
            effects=dependencies.effects,
            publisher=dependencies.publisher,
            clock=utc_now,
            new_id=new_id,
            max_bytes=settings.media_max_bytes,
        ),
        slots=StreamSlots(settings.media_streams),
        requests=MinuteBudget(settings.media_requests_per_minute),
        trusted=networks_from(settings.trusted_proxies),
        seconds=settings.media_seconds,
        monotonic=monotonic,
    )
