"""Starts the sender: wires adapters to handlers, and handlers to queues."""

import asyncio
from dataclasses import dataclass
from functools import partial

import aiohttp

from libs.chassis.amqp import Broker
from libs.chassis.clock import utc_now
from libs.chassis.http_spans import client_call_hooks
from libs.chassis.periodic import periodic
from libs.chassis.runtime import ServiceRuntime, service_runtime
from libs.chassis.store_opening import open_when_usable
from libs.chassis.store_probe import StoreProbe
from libs.chassis.subscriptions import Received, on
from libs.chassis.topology import ACCOUNT_UPDATES, FORWARDS, MESSAGES, STATUSES
from libs.contracts.events import (
    CONFIGURATION_CHANGES,
    Event,
    ForwardRequested,
    MessageApproved,
    MessageReplaced,
    NumberChanged,
    WhatsAppAccountUpdated,
    WhatsAppStatusReceived,
)
from libs.providers.http import open_session
from libs.providers.provider import SenderOptions
from libs.providers.registry import PROVIDERS
from libs.store.directory_cache import CachedDirectory
from libs.store.factory import open_store
from libs.store.sealer import sealer_from
from libs.store.store import Store
from services.sender import metrics
from services.sender.adapters.api_version import report_api_version
from services.sender.adapters.forward_client import open_forward_session
from services.sender.adapters.numbers import DirectoryNumbers
from services.sender.app.dependencies import (
    SenderDependencies,
    forward_limits,
    provider_limits,
    pseudonyms,
    refusal_effects,
)
from services.sender.app.forwards import forward_handler, longest_forward
from services.sender.app.jobs import account_update_handler, contact_book_deletions, credential_probes, template_syncs
from services.sender.app.messages import (
    longest_delivery,
    media_preparation,
    message_handler,
    outbound_files,
    status_handler,
)
from services.sender.handlers.read_receipts import ForwardAndMarkRead, MarkRead
from services.sender.handlers.reply_receipts import MarkReadOnReply
from services.sender.http.media_server import MediaDependencies, serve_media
from services.sender.settings import SenderSettings

UPDATES_AT_ONCE = 4
"""Account updates that are handled at the same time; they are few."""

OWNERS_LOOK_S = 3600.0
"""How often numbers are looked through for business accounts whose templates were never read; an edit does so too."""

UPLOADS_LOOK_S = 60.0
"""How often uploads of more than a day ago are deleted."""

CONTACT_BOOK_LOOK_S = 2.0
"""How often deletions from contact books are looked for: the answer to an erasure waits for them for some seconds."""

PROBE_LOOK_S = 5.0
"""How often the restrictions are looked through for credentials whose probe is due."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """One session each: those for addresses that accounts choose check every address that they dial."""

    providers: aiohttp.ClientSession
    account_providers: aiohttp.ClientSession
    forwards: aiohttp.ClientSession


async def serve(settings: SenderSettings) -> None:
    """Run until SIGTERM or SIGINT."""
    async with service_runtime("sender", settings, metrics_port=settings.sender_metrics_port) as runtime:
        report_api_version(settings.whatsapp_api_version, PROVIDERS.values(), today=utc_now().date())
        store = await open_when_usable(partial(open_store, settings.store_url.get_secret_value()))
        try:
            async with (
                open_session(
                    timeout_s=settings.provider_timeout,
                    connections=settings.provider_connections,
                    hooks=client_call_hooks(),
                ) as session,
                open_session(
                    timeout_s=settings.provider_timeout,
                    connections=settings.provider_connections,
                    addresses=provider_limits(settings),
                    hooks=client_call_hooks(),
                ) as guarded_session,
                open_forward_session(
                    forward_limits(settings),
                    timeout_s=settings.forward_timeout,
                    connections=settings.forward_prefetch,
                    hooks=client_call_hooks(),
                ) as forward_session,
                Broker.connected(
                    runtime.replica,
                    settings.amqp_url.get_secret_value(),
                    keys=settings.authentic_events,
                    service=runtime.service,
                    delays=settings.retry_delays,
                    drain_seconds=settings.drain_seconds,
                ) as broker,
            ):
                sessions = Sessions(session, guarded_session, forward_session)
                await _consume(settings, runtime, sessions=sessions, store=store, broker=broker)
        finally:
            await store.close()


async def _consume(
    settings: SenderSettings, runtime: ServiceRuntime, *, sessions: Sessions, store: Store, broker: Broker
) -> None:
    directory, edited, renamed = CachedDirectory(store.directory), asyncio.Event(), asyncio.Event()

    async def changed(received: Received[Event]) -> None:
        directory.invalidate(received.event)
        if isinstance(received.event, NumberChanged):
            edited.set()  # it may have a new token
            renamed.set()  # or a business account

    await broker.subscribe_exclusive("configuration", CONFIGURATION_CHANGES, changed, on_reconnect=directory.invalidate)
    options = SenderOptions(
        session=sessions.providers,
        guarded_session=sessions.account_providers,
        addresses=provider_limits(settings),
        clock=utc_now,
        api_url=str(settings.whatsapp_api_url),
        api_version=settings.whatsapp_api_version,
    )
    dependencies = SenderDependencies(
        store=store,
        numbers=DirectoryNumbers(directory, sealer_from(settings.secret_keys.get_secret_value())),
        providers={provider.kind: provider.sender(options) for provider in PROVIDERS.values()},
        owner=runtime.replica,
    )
    mark = MarkRead(
        directory=directory,
        numbers=dependencies.numbers,
        receipts={p.kind: p.read_receipts(options) for p in PROVIDERS.values() if p.read_receipts is not None},
        pseudonyms=pseudonyms(settings),
        clock=utc_now,
    )
    files = outbound_files(settings, store, sessions.forwards)
    send = message_handler(
        settings,
        dependencies,
        media_preparation(settings, dependencies, options, files),
        MarkReadOnReply(
            integrations=directory,
            marking=mark,
            inbound_messages=store.inbound_messages,
            sealer=sealer_from(settings.secret_keys.get_secret_value()),
            pseudonyms=pseudonyms(settings),
            publisher=broker,
            clock=utc_now,
        ),
    )
    messages = (on(MessageApproved, send), on(MessageReplaced, send))
    await broker.consume(
        MESSAGES,
        messages,
        prefetch=settings.prefetch,
        account_share=settings.prefetch // 2,
        stuck_after=longest_delivery(settings),
    )
    statuses = (on(WhatsAppStatusReceived, status_handler(settings, dependencies)),)
    await broker.consume(STATUSES, statuses, prefetch=settings.prefetch, account_share=settings.prefetch // 2)
    updates = (on(WhatsAppAccountUpdated, account_update_handler(dependencies)),)
    await broker.consume(ACCOUNT_UPDATES, updates, prefetch=UPDATES_AT_ONCE)
    forward = forward_handler(
        settings, store=store, directory=directory, session=sessions.forwards, owner=runtime.replica
    )
    metrics.FORWARD_CIRCUITS_STOPPED.set_function(forward.bulkheads.stopped)
    await broker.consume(
        FORWARDS,
        (on(ForwardRequested, ForwardAndMarkRead(forward, mark)),),
        prefetch=settings.forward_prefetch,
        account_share=settings.forward_prefetch // 2,
        stuck_after=longest_forward(settings),
    )
    links = MediaDependencies(
        store=store,
        directory=directory,
        numbers=dependencies.numbers,
        errors=dependencies.errors,
        effects=refusal_effects(dependencies),
        publisher=broker,
        options=options,
        files=files,
    )
    syncs = template_syncs(dependencies, options)
    deletions = contact_book_deletions(settings, dependencies, options, broker)
    async with (
        periodic("credential probes", credential_probes(dependencies), PROBE_LOOK_S, wake=edited),
        periodic("template owners", syncs.find_owners, OWNERS_LOOK_S, wake=renamed),
        periodic("template syncs", syncs, PROBE_LOOK_S),
        periodic("contact books", deletions, CONTACT_BOOK_LOOK_S),
        periodic("ended uploads", lambda: store.uploads.delete_ended(utc_now()), UPLOADS_LOOK_S),
        serve_media(settings, links) as media_listens,
    ):
        runtime.mark_ready(
            alive=broker.alive,
            store=StoreProbe(store.probe).writable,
            broker=broker.probe,
            consumers=broker.consumers_move,
            media=media_listens,
        )
        await runtime.wait_until_stopped()
    # The drain waits for running calls. The next sender finds in the ledger what is left after it.
    await broker.drain(settings.drain_seconds)
