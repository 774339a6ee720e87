"""Wires ingress: chooses the adapter behind each port, and starts and stops the service."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from libs.chassis.amqp import Broker
from libs.chassis.clock import Clock, Monotonic, NewId, monotonic, new_id, utc_now
from libs.chassis.periodic import periodic
from libs.chassis.replies import Replies
from libs.chassis.runtime import ServiceRuntime, service_runtime
from libs.chassis.subscriptions import Received
from libs.contracts.events import CONFIGURATION_CHANGES, Event
from libs.contracts.identity import Pseudonyms
from libs.providers.inbound import WebhookSecrets
from libs.providers.provider import Provider
from libs.providers.registry import PROVIDERS
from libs.store.accounts import Directory
from libs.store.decisions import Decisions
from libs.store.directory_cache import CachedDirectory
from libs.store.factory import open_store
from libs.store.idempotency import Answers, Idempotency
from libs.store.store import Store
from services.ingress.adapters.background_recorder import BackgroundRecorder
from services.ingress.adapters.rate_limits import MovingWindowRateLimits, storage_from
from services.ingress.domain.addresses import networks_from
from services.ingress.handlers.accept_webhook import AcceptWebhook
from services.ingress.handlers.credentials import CredentialsCache
from services.ingress.handlers.receive import ReceiveProviderWebhook
from services.ingress.handlers.record_only import RecordOnly
from services.ingress.handlers.refuse_request import RefuseRequest
from services.ingress.handlers.reject_request import RejectRequest
from services.ingress.http.provider_webhooks import provider_webhooks_from
from services.ingress.http.server import CONNECTION_OPTIONS, Endpoints, Server
from services.ingress.http.threecx_webhooks import ThreeCxWebhooks
from services.ingress.ports import Publisher, RateLimits, Recorder
from services.ingress.settings import IngressSettings

SUMMARY_SECONDS = 5.0
"""The interval at which summaries of refusals are published."""
LISTEN_BACKLOG = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """Everything outside ingress that it uses."""

    directory: Directory
    publisher: Publisher
    replies: Replies
    decisions: Decisions
    idempotency: Idempotency
    answers: Answers
    rate_limits: RateLimits
    recorder: Recorder
    replica: str
    providers: Mapping[str, Provider] = field(default=PROVIDERS)
    clock: Clock = field(default=utc_now)
    new_id: NewId = field(default=new_id)
    monotonic: Monotonic = field(default=monotonic)


@dataclass(frozen=True, slots=True)
class Application:
    """The HTTP endpoints, and the handlers whose summaries must be published at an interval."""

    endpoints: Endpoints
    refuse: RefuseRequest
    reject: RejectRequest

    def server(self) -> Server:
        """The HTTP server; needs a running event loop."""
        return Server(self.endpoints, **CONNECTION_OPTIONS)  # type: ignore[arg-type]  # passed on to each connection

    def publish_summaries(self, *, final: bool = False) -> None:
        """Record the counts of throttled refusals and rejections of minutes that have ended; of all when `final`."""
        self.refuse.publish_summaries(final=final)
        self.reject.publish_summaries(final=final)


def application(settings: IngressSettings, dependencies: Dependencies) -> Application:
    """Wire ingress, for production and for tests."""
    refuse = RefuseRequest(
        publisher=dependencies.publisher,
        recorder=dependencies.recorder,
        replica=dependencies.replica,
        new_id=dependencies.new_id,
        monotonic=dependencies.monotonic,
    )
    reject = RejectRequest(recorder=dependencies.recorder, new_id=dependencies.new_id, monotonic=dependencies.monotonic)
    accept = AcceptWebhook(
        publisher=dependencies.publisher,
        replies=dependencies.replies,
        decisions=dependencies.decisions,
        idempotency=dependencies.idempotency,
        answers=dependencies.answers,
        recorder=dependencies.recorder,
        refuse=refuse,
        clock=dependencies.clock,
        new_id=dependencies.new_id,
        replica=dependencies.replica,
        pseudonyms=Pseudonyms(settings.hash_key.get_secret_value().encode()),
        reply_timeout=settings.reply_timeout,
    )
    threecx = ThreeCxWebhooks(
        credentials=CredentialsCache(dependencies.directory),
        rate_limits=dependencies.rate_limits,
        accept=accept,
        record_only=RecordOnly(
            publisher=dependencies.publisher, new_id=dependencies.new_id, replica=dependencies.replica
        ),
        refuse=refuse,
        reject=reject,
        answers=dependencies.answers,
        trusted=networks_from(settings.trusted_proxies),
        clock=dependencies.clock,
        body_seconds=settings.body_timeout,
    )
    provider_webhooks = provider_webhooks_from(
        dependencies.providers,
        WebhookSecrets(
            app_secret=settings.whatsapp_app_secret.get_secret_value().encode(),
            verify_token=settings.whatsapp_verify_token.get_secret_value().encode(),
        ),
        receive=ReceiveProviderWebhook(directory=dependencies.directory, publisher=dependencies.publisher),
        clock=dependencies.clock,
        body_seconds=settings.body_timeout,
    )
    return Application(Endpoints(threecx, provider_webhooks), refuse, reject)


async def serve(settings: IngressSettings) -> None:
    """Run until stopped. The HTTP server starts last and stops first."""
    async with service_runtime("ingress", settings, metrics_port=settings.ingress_metrics_port) as runtime:
        store = await open_store(settings.store_url.get_secret_value())
        try:
            async with Broker.connected(runtime.replica, settings.amqp_url.get_secret_value()) as broker:
                await _serve(settings, runtime, store, broker)
        finally:
            await store.close()


async def _serve(settings: IngressSettings, runtime: ServiceRuntime, store: Store, broker: Broker) -> None:
    replies, directory, recorder = Replies(), CachedDirectory(store.directory), BackgroundRecorder(broker)
    storage = storage_from(
        settings.rate_limit_url.get_secret_value(),
        store_url=settings.store_url.get_secret_value(),
        now=lambda: utc_now().timestamp(),
    )
    limits = MovingWindowRateLimits(storage, now=lambda: utc_now().timestamp())
    dependencies = Dependencies(
        directory=directory,
        publisher=broker,
        replies=replies,
        decisions=store.decisions,
        idempotency=store.idempotency,
        answers=store.answers,
        rate_limits=limits,
        recorder=recorder,
        replica=runtime.replica,
    )

    async def changed(received: Received[Event]) -> None:
        directory.invalidate(received.event)

    await broker.subscribe_exclusive("changes", CONFIGURATION_CHANGES, changed, on_reconnect=directory.invalidate)
    await broker.subscribe_exclusive("replies", [f"result.{runtime.replica}.*"], replies.deliver)
    app = application(settings, dependencies)
    async with _recording(app, recorder), _listening(settings, app):
        runtime.mark_ready(store=store.healthy, broker=broker.healthy, rate_limits=limits.healthy)
        await runtime.wait_until_stopped()


@asynccontextmanager
async def _listening(settings: IngressSettings, app: Application) -> AsyncGenerator[None, None]:
    """Listen for requests; on leaving, accept no new connection and answer the requests in flight."""
    runner = web.ServerRunner(app.server(), shutdown_timeout=settings.drain_seconds)
    await runner.setup()
    await web.TCPSite(runner, settings.host, settings.port, backlog=LISTEN_BACKLOG).start()
    try:
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _recording(app: Application, recorder: BackgroundRecorder) -> AsyncGenerator[None, None]:
    """Record refusals in the background; on leaving, record the remaining ones."""

    async def publish_summaries() -> None:
        app.publish_summaries()

    async with (
        periodic("refusal recorder", recorder.run, recorder.retry_seconds),
        periodic("refusal summaries", publish_summaries, SUMMARY_SECONDS, delayed=True),
    ):
        try:
            yield
        finally:
            app.publish_summaries(final=True)
            await recorder.drain(seconds=3.0)
