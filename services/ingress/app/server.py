"""Starts and stops ingress: store, broker, handlers of replies and posts, the refusal recorder and the HTTP server."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from functools import partial
from uuid import UUID

from aiohttp import web

from libs.chassis.amqp import Broker
from libs.chassis.clock import utc_now
from libs.chassis.periodic import periodic
from libs.chassis.replies import Replies
from libs.chassis.runtime import ServiceRuntime, service_runtime
from libs.chassis.store_opening import open_when_usable
from libs.chassis.store_probe import StoreProbe
from libs.chassis.subscriptions import Received, on
from libs.chassis.topology import POSTS
from libs.contracts.events import CONFIGURATION_CHANGES, Event, WhatsAppPostSetAside
from libs.store.business_accounts import learn_business_account
from libs.store.directory_cache import CachedDirectory
from libs.store.factory import open_store
from libs.store.store import Store
from services.ingress.adapters.background_recorder import BackgroundRecorder
from services.ingress.adapters.rate_limits import MovingWindowRateLimits, opened_storage
from services.ingress.adapters.reading_process import ReadingProcess
from services.ingress.app.dependencies import Dependencies
from services.ingress.app.wiring import Application, application
from services.ingress.handlers.business_accounts import Learn
from services.ingress.settings import IngressSettings

SUMMARY_SECONDS = 5.0
"""The interval at which summaries of refusals are published."""
LISTEN_BACKLOG = 1024
CANCEL_SECONDS = 1.0
"""For requests that are still in flight after the drain."""
POSTS_AT_ONCE = 2
"""Replayed posts that are read at the same time; each may have megabytes."""


async def serve(settings: IngressSettings) -> None:
    """Run until stopped. The HTTP server starts last and stops first."""
    async with service_runtime("ingress", settings, metrics_port=settings.ingress_metrics_port) as runtime:
        store = await open_when_usable(partial(open_store, settings.store_url.get_secret_value()))
        try:
            connected = Broker.connected(
                runtime.replica,
                settings.amqp_url.get_secret_value(),
                keys=settings.authentic_events,
                service=runtime.service,
                delays=settings.retry_delays,
                drain_seconds=settings.drain_seconds,
            )
            async with ReadingProcess() as post_reader, connected as broker:
                await _serve(settings, runtime, store, broker, post_reader)
        finally:
            await store.close()


async def _serve(
    settings: IngressSettings, runtime: ServiceRuntime, store: Store, broker: Broker, post_reader: ReadingProcess
) -> None:
    replies, directory = Replies(), CachedDirectory(store.directory)
    recorder, rejections = BackgroundRecorder(broker), BackgroundRecorder(broker)
    opening = partial(
        opened_storage,
        settings.rate_limit_url.get_secret_value(),
        store_url=settings.store_url.get_secret_value(),
        now=lambda: utc_now().timestamp(),
    )
    storage = await open_when_usable(opening, setting="GATEWAY_RATE_LIMIT_URL")
    limits = MovingWindowRateLimits(storage, now=lambda: utc_now().timestamp())
    dependencies = Dependencies(
        directory=directory,
        business_accounts=store.business_accounts,
        learn_business_account=_learning(store),
        publisher=broker,
        dead_letters=broker,
        replies=replies,
        decisions=store.decisions,
        idempotency=store.idempotency,
        answers=store.answers,
        restrictions=store.standing_restrictions,
        rate_limits=limits,
        post_reader=post_reader,
        recorder=recorder,
        rejections=rejections,
        replica=runtime.replica,
    )

    async def changed(received: Received[Event]) -> None:
        directory.invalidate(received.event)

    await broker.subscribe_exclusive("changes", CONFIGURATION_CHANGES, changed, on_reconnect=directory.invalidate)
    await broker.subscribe_exclusive("replies", [f"result.{runtime.replica}.#"], replies.deliver)
    app = application(settings, dependencies)
    await broker.consume(POSTS, (on(WhatsAppPostSetAside, app.read_post),), prefetch=POSTS_AT_ONCE)
    async with _recording(app, recorder, rejections), _listening(settings, app):
        # Callers get ingress's own 503 with Retry-After while a dependency is away, not the edge's.
        runtime.mark_ready(
            alive=broker.alive,
            dependencies_decide=False,
            store=StoreProbe(store.probe).writable,
            broker=broker.probe,
            consumers=broker.consumers_move,
            rate_limits=limits.healthy,
        )
        await runtime.wait_until_stopped()


@asynccontextmanager
async def _listening(settings: IngressSettings, app: Application) -> AsyncGenerator[None, None]:
    """Listen for requests; on leaving, accept no new connection and let each one end with its next answer.

    An edge sends requests on idle connections until it has noticed: they stay open, for `drain_seconds` at most.
    """
    server = app.server()
    runner = web.ServerRunner(server, shutdown_timeout=CANCEL_SECONDS)
    await runner.setup()
    site = web.TCPSite(runner, settings.host, settings.port, backlog=LISTEN_BACKLOG)
    await site.start()
    try:
        yield
    finally:
        server.draining = True
        await asyncio.sleep(settings.stop_delay_seconds)
        await site.stop()
        await server.drain(settings.drain_seconds)
        await runner.cleanup()


@asynccontextmanager
async def _recording(app: Application, *recorders: BackgroundRecorder) -> AsyncGenerator[None, None]:
    """Record refusals in the background; on leaving, record the remaining ones."""

    async def publish_summaries() -> None:
        app.publish_summaries()

    async with AsyncExitStack() as jobs:
        for recorder in recorders:
            await jobs.enter_async_context(periodic("refusal recorder", recorder.run, recorder.retry_seconds))
        await jobs.enter_async_context(periodic("refusal summaries", publish_summaries, SUMMARY_SECONDS, delayed=True))
        try:
            yield
        finally:
            app.publish_summaries(final=True)
            await asyncio.gather(*(recorder.drain(seconds=3.0) for recorder in recorders))


def _learning(store: Store) -> Learn:
    """Stores the business account of a number; reads the number from the store, not from the cache."""

    async def learn(number_id: str, business_account_id: str, cause: UUID, at: datetime) -> bool:
        return await learn_business_account(
            store.directory, store.registry, number_id, business_account_id, cause=cause, at=at
        )

    return learn
