"""The only module that knows which adapter stands behind which port."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from libs.chassis.amqp import Broker
from libs.chassis.clock import Clock, Monotonic, NewId, monotonic, new_id, utc_now
from libs.chassis.consuming import Received
from libs.chassis.replying import Replies as Waiting
from libs.chassis.serving import Life, life_of
from libs.contracts.events import CONFIGURATION_CHANGES, Event
from libs.store.accounts import Directory
from libs.store.cached import CachedDirectory
from libs.store.idempotency import Answers, Idempotency
from libs.store.opening import Store, open_store
from services.ingress.adapters.rate_limits import MovingWindows, storage_from
from services.ingress.adapters.recording import Backlog
from services.ingress.domain.addresses import networks_from
from services.ingress.handlers.admitting import Doors
from services.ingress.handlers.hearing import Hear
from services.ingress.handlers.noting import Note
from services.ingress.handlers.receiving import Receive
from services.ingress.handlers.refusing import Refuse
from services.ingress.handlers.rejecting import Reject
from services.ingress.handlers.taking import Take
from services.ingress.http.evolution import Evolution
from services.ingress.http.meta import Meta
from services.ingress.http.serving import CONNECTION, Endpoints, Server
from services.ingress.http.threecx import ThreeCx
from services.ingress.ports import Outbox, RateLimits, Recorder, Replies, Settlements
from services.ingress.settings import IngressSettings

SUMMARY_SECONDS = 5.0
"""How often minutes that are over are looked for; a summary is at most so late."""
CONNECTION_BACKLOG = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Everything outside ingress that it talks to."""

    directory: Directory
    outbox: Outbox
    replies: Replies
    settlements: Settlements
    idempotency: Idempotency
    answers: Answers
    rate_limits: RateLimits
    recorder: Recorder
    instance: str
    clock: Clock = field(default=utc_now)
    new_id: NewId = field(default=new_id)
    monotonic: Monotonic = field(default=monotonic)


@dataclass(frozen=True, slots=True)
class Application:
    """What is served, and what must be called every few seconds."""

    endpoints: Endpoints
    refuse: Refuse
    reject: Reject

    def server(self) -> Server:
        """The HTTP server; needs a running loop."""
        return Server(self.endpoints, **CONNECTION)  # type: ignore[arg-type]  # passed on to each connection

    def summarise(self, *, final: bool = False) -> None:
        """Tell the record of floods whose minute is over; `final` of all of them."""
        self.refuse.summarise(final=final)
        self.reject.summarise(final=final)


def application(settings: IngressSettings, around: Surroundings) -> Application:
    """Wire ingress, for production and for tests alike."""
    refuse = Refuse(
        outbox=around.outbox,
        recorder=around.recorder,
        instance=around.instance,
        new_id=around.new_id,
        monotonic=around.monotonic,
    )
    reject = Reject(recorder=around.recorder, new_id=around.new_id, monotonic=around.monotonic)
    take = Take(
        outbox=around.outbox,
        replies=around.replies,
        settlements=around.settlements,
        idempotency=around.idempotency,
        answers=around.answers,
        recorder=around.recorder,
        refuse=refuse,
        clock=around.clock,
        new_id=around.new_id,
        instance=around.instance,
        hash_key=settings.hash_key.get_secret_value().encode(),
        reply_timeout=settings.reply_timeout,
    )
    threecx = ThreeCx(
        doors=Doors(around.directory),
        rate_limits=around.rate_limits,
        take=take,
        note=Note(outbox=around.outbox, new_id=around.new_id, instance=around.instance),
        refuse=refuse,
        reject=reject,
        answers=around.answers,
        trusted=networks_from(settings.trusted_proxies),
        clock=around.clock,
        body_seconds=settings.body_timeout,
    )
    meta = Meta(
        receive=Receive(directory=around.directory, outbox=around.outbox),
        app_secret=settings.whatsapp_app_secret.get_secret_value().encode(),
        verify_token=settings.whatsapp_verify_token.get_secret_value().encode(),
        body_seconds=settings.body_timeout,
    )
    evolution = Evolution(
        hear=Hear(directory=around.directory, outbox=around.outbox),
        clock=around.clock,
        body_seconds=settings.body_timeout,
    )
    return Application(Endpoints(threecx, meta, evolution), refuse, reject)


async def serve(settings: IngressSettings) -> None:
    """Run until told to stop: the door opens last and closes first."""
    async with life_of("ingress", settings, metrics_port=settings.ingress_metrics_port) as life:
        store = await open_store(settings.store_url.get_secret_value())
        try:
            async with Broker.connected(life.instance, settings.amqp_url.get_secret_value()) as broker:
                await _serve(settings, life, store, broker)
        finally:
            await store.close()


async def _serve(settings: IngressSettings, life: Life, store: Store, broker: Broker) -> None:
    replies, directory, backlog = Waiting(), CachedDirectory(store.directory), Backlog(broker)
    storage = storage_from(
        settings.rate_limit_url.get_secret_value(),
        store_url=settings.store_url.get_secret_value(),
        now=lambda: utc_now().timestamp(),
    )
    limits = MovingWindows(storage, now=lambda: utc_now().timestamp())
    around = Surroundings(
        directory=directory,
        outbox=broker,
        replies=replies,
        settlements=store.decisions,
        idempotency=store.idempotency,
        answers=store.answers,
        rate_limits=limits,
        recorder=backlog,
        instance=life.instance,
    )

    async def changed(received: Received[Event]) -> None:
        directory.forget(received.event)

    await broker.overhear("changes", CONFIGURATION_CHANGES, changed, lost=directory.forget)
    await broker.overhear("replies", [f"result.{life.instance}.*"], replies.heard)
    served = application(settings, around)
    async with _telling(served, backlog), _open_door(settings, served):
        life.ready_when(store=store.healthy, broker=broker.healthy, rate_limits=limits.healthy)
        await life.until_stopped()


@asynccontextmanager
async def _open_door(settings: IngressSettings, served: Application) -> AsyncGenerator[None, None]:
    """Listen; on leaving take no new connection and let requests in hand have their answers."""
    runner = web.ServerRunner(served.server(), shutdown_timeout=settings.drain_seconds)
    await runner.setup()
    await web.TCPSite(runner, settings.host, settings.port, backlog=CONNECTION_BACKLOG).start()
    try:
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _telling(served: Application, backlog: Backlog) -> AsyncGenerator[None, None]:
    """Tell the record of refusals in the background; on leaving tell what is left."""

    async def summarise() -> None:
        while True:
            await asyncio.sleep(SUMMARY_SECONDS)
            served.summarise()

    tasks = [asyncio.create_task(summarise()), asyncio.create_task(backlog.run())]
    try:
        yield
    finally:
        served.summarise(final=True)
        await backlog.empty(seconds=3.0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
