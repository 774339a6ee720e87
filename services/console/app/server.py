"""`serve` runs console: the HTTP server starts last and stops first."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial

from aiohttp import web

from libs.chassis.amqp import Broker
from libs.chassis.clock import new_id, utc_now
from libs.chassis.http_server import ApplicationRunner
from libs.chassis.periodic import periodic
from libs.chassis.runtime import ServiceRuntime, service_runtime
from libs.chassis.store_opening import open_when_usable
from libs.chassis.store_probe import StoreProbe
from libs.store.do_not_contact import do_not_contact_from
from libs.store.factory import open_store
from libs.store.sealer import sealer_from
from libs.store.store import Store
from services.console.adapters.policy_simulator import BrokerSimulator
from services.console.adapters.token_authenticator import TokenAuthenticator
from services.console.app.dead_letters import store_dead_letter_from
from services.console.app.dependencies import Dependencies
from services.console.app.subjects import apply_approval_from, erasure_from
from services.console.app.verification import scheduled_verification
from services.console.app.wiring import (
    application,
    audit_from,
    monthly_reports_from,
    report_signer_from,
)
from services.console.handlers.dead_letters import CountDeadLetters
from services.console.handlers.outbox_relay import OutboxRelay
from services.console.handlers.restrictions import CountRestrictions
from services.console.handlers.resume_approvals import ResumeApprovals
from services.console.settings import ConsoleSettings

KEEPALIVE_SECONDS = 15.0
LINGERING_SECONDS = 1.0
OUTBOX_CLOSE_SECONDS = 3.0
"""How long the last changes may take to be published at shutdown; the rest stays in the outbox."""
ERASURE_INTERVAL = 15.0
REHASH_INTERVAL = 3600.0
"""Seconds between two checks for interrupted erasures."""
APPROVAL_INTERVAL = 15.0
"""Seconds between two checks for approved requests without effect, and for requests that nobody decided about."""
COUNT_INTERVAL = 10.0
"""Seconds between two counts of dead letters."""
RESTRICTION_COUNT_INTERVAL = 15.0
"""Seconds between two counts of restrictions."""


async def serve(settings: ConsoleSettings) -> None:
    """Run until SIGTERM or SIGINT."""
    async with service_runtime("console", settings, metrics_port=settings.console_metrics_port) as runtime:
        store = await open_when_usable(partial(open_store, settings.store_url.get_secret_value()))
        try:
            async with Broker.connected(
                runtime.replica,
                settings.amqp_url.get_secret_value(),
                keys=settings.authentic_events,
                service=runtime.service,
                delays=settings.retry_delays,
                drain_seconds=settings.drain_seconds,
            ) as broker:
                await _serve(settings, runtime, store, broker)
        finally:
            await store.close()


async def _serve(settings: ConsoleSettings, runtime: ServiceRuntime, store: Store, broker: Broker) -> None:
    relay = OutboxRelay(store.outbox, broker)
    simulator = BrokerSimulator(publisher=broker, replica=runtime.replica, new_id=new_id)
    deps = Dependencies(
        store=store,
        authenticator=TokenAuthenticator(settings.admin_token.get_secret_value(), store.tokens, utc_now),
        sealer=sealer_from(settings.secret_keys.get_secret_value()),
        do_not_contact=do_not_contact_from(
            settings.do_not_contact_keys.get_secret_value(), settings.pseudonyms, store.do_not_contact_entries
        ),
        publish_outbox=relay.publish_soon,
        replayer=broker,
        simulate=simulator,
    )
    if (signer := report_signer_from(settings)) is not None:
        deps = replace(deps, sign=signer, seal=signer.document)
    await broker.subscribe_exclusive("simulations", [simulator.routing_key], simulator.receive)
    await broker.consume_dead_letters(store_dead_letter_from(settings, deps))
    async with (
        _jobs(settings, deps, relay, owner=runtime.replica),
        _http_server(settings, application(settings, deps)),
    ):
        runtime.mark_ready(
            alive=broker.alive,
            store=StoreProbe(store.probe).writable,
            broker=broker.probe,
            consumers=broker.consumers_move,
        )
        await runtime.wait_until_stopped()


@asynccontextmanager
async def _jobs(
    settings: ConsoleSettings, deps: Dependencies, relay: OutboxRelay, *, owner: str
) -> AsyncGenerator[None, None]:
    """Run console's periodic jobs; at the end wait shortly for the last changes to be published."""
    write_monthly = monthly_reports_from(settings, deps, owner)
    count = CountDeadLetters(deps.store.dead_letters, utc_now)
    async with AsyncExitStack() as jobs:
        await jobs.enter_async_context(periodic("publish outbox", relay.flush, settings.outbox_seconds))
        jobs.push_async_callback(relay.close, OUTBOX_CLOSE_SECONDS)
        if write_monthly is not None:
            schedule = periodic("write monthly reports", write_monthly, settings.report_check_seconds)
            await jobs.enter_async_context(schedule)
        await jobs.enter_async_context(periodic("count dead letters", count, COUNT_INTERVAL))
        restrictions = CountRestrictions(deps.store.restriction_counts, utc_now)
        await jobs.enter_async_context(periodic("count restrictions", restrictions, RESTRICTION_COUNT_INTERVAL))
        rehash = deps.do_not_contact.rehash_all
        await jobs.enter_async_context(periodic("rehash do-not-contact entries", rehash, REHASH_INTERVAL))
        approvals = ResumeApprovals(apply_approval_from(settings, deps))
        await jobs.enter_async_context(periodic("resume approvals", approvals, APPROVAL_INTERVAL))
        resume = erasure_from(settings, deps).resume
        await jobs.enter_async_context(periodic("resume erasures", resume, ERASURE_INTERVAL))
        audit = audit_from(settings, deps)
        await jobs.enter_async_context(scheduled_verification(settings, deps, audit, owner=owner))
        yield


@asynccontextmanager
async def _http_server(settings: ConsoleSettings, app: web.Application) -> AsyncGenerator[None, None]:
    """Listen; at the end accept no new connection and let running calls finish."""
    runner = ApplicationRunner(
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
