"""Console's life: the door opens last and closes first."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

from aiohttp import web

from libs.chassis.amqp import Broker
from libs.chassis.clock import new_id, utc_now
from libs.chassis.serving import Life, life_of
from libs.store.opening import Store, open_store
from libs.store.sealing import sealer_from
from services.console.adapters.simulations import BrokerSimulations
from services.console.adapters.tokens import HeldTokens
from services.console.app.recurring import again_and_again, on_schedule, relaying
from services.console.app.wiring import Surroundings, application, audit_of, erase_of, monthly, signer_of
from services.console.handlers.dead_letters import CountDeadLetters, KeepDeadLetter
from services.console.handlers.relaying import OutboxRelay
from services.console.handlers.verifying import VerifyForReport
from services.console.settings import ConsoleSettings

KEEPALIVE_SECONDS = 15.0
LINGERING_SECONDS = 1.0
ERASING_SECONDS = 15.0
"""How often it is looked whether an erasure was left half done."""
COUNTING_SECONDS = 10.0
"""How often dead letters are counted."""


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
    simulations = BrokerSimulations(publisher=broker, instance=life.instance, new_id=new_id)
    around = Surroundings(
        store=store,
        tokens=HeldTokens(settings.admin_token.get_secret_value(), store.tokens, utc_now),
        seals=sealer_from(settings.secret_keys.get_secret_value()),
        published=relay.changed,
        replays=broker,
        simulates=simulations,
        signs=signer_of(settings),
    )
    around = replace(around, verifies=VerifyForReport(audit_of(settings, around), settings.report_verify_seconds))
    await broker.overhear("simulations", [simulations.binding], simulations.heard)
    await broker.listen_to_the_dead(
        KeepDeadLetter(store.dead_letters, around.seals, timedelta(days=settings.dead_letter_days))
    )
    async with (
        relaying(relay, settings.outbox_seconds),
        on_schedule(monthly(settings, around, life.instance), settings.report_check_seconds),
        again_and_again(CountDeadLetters(store.dead_letters, utc_now), COUNTING_SECONDS),
        again_and_again(erase_of(settings, around).resume, ERASING_SECONDS),
        _open_door(settings, application(settings, around)),
    ):
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
