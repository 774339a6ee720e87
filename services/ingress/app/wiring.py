"""Connects ingress's handlers with their adapters, for production and for tests alike."""

from collections.abc import Mapping
from dataclasses import dataclass

from libs.chassis.client_addresses import networks_from
from libs.chassis.http_server import Server
from libs.contracts.identity import Pseudonyms
from libs.providers.inbound import WebhookSecrets
from libs.store.posts import post_sealer_from
from services.ingress.app.dependencies import Dependencies
from services.ingress.handlers.accept_webhook import AcceptWebhook
from services.ingress.handlers.business_accounts import AttributeUpdates
from services.ingress.handlers.credentials import CredentialsCache
from services.ingress.handlers.large_posts import LargePosts
from services.ingress.handlers.pending_answers import PendingAnswers
from services.ingress.handlers.posts import KeepPosts, ProviderSource, ReadPost
from services.ingress.handlers.receive import ReceiveProviderWebhook
from services.ingress.handlers.record_only import RecordOnly
from services.ingress.handlers.refuse_request import RefuseRequest
from services.ingress.handlers.reject_request import RejectRequest
from services.ingress.http.consent_forms import ConsentForms
from services.ingress.http.provider_webhooks import ProviderWebhooks, provider_webhooks_from
from services.ingress.http.server import CONNECTION_OPTIONS, Endpoints
from services.ingress.http.threecx_chat import ThreeCxChat
from services.ingress.http.threecx_webhooks import ThreeCxWebhooks
from services.ingress.settings import IngressSettings


@dataclass(frozen=True, slots=True)
class Application:
    """The HTTP endpoints, and the handlers whose summaries must be published at an interval."""

    endpoints: Endpoints
    read_post: ReadPost
    """The handler of posts that an operator replays."""
    refuse: RefuseRequest
    reject: RejectRequest
    keep_alive_seconds: float = 10.0

    def server(self) -> Server:
        """The HTTP server; needs a running event loop."""
        options = {**CONNECTION_OPTIONS, "keepalive_timeout": self.keep_alive_seconds}
        return Server(self.endpoints, **options)  # type: ignore[arg-type]  # passed on to each connection

    def publish_summaries(self, *, final: bool = False) -> None:
        """Record the counts of throttled refusals and rejections of minutes that have ended; of all when `final`."""
        self.refuse.publish_summaries(final=final)
        self.reject.publish_summaries(final=final)


def application(settings: IngressSettings, dependencies: Dependencies) -> Application:
    """Wire ingress, for production and for tests."""
    refuse = RefuseRequest(
        recorder=dependencies.recorder,
        replica=dependencies.replica,
        new_id=dependencies.new_id,
        monotonic=dependencies.monotonic,
    )
    reject = RejectRequest(
        recorder=dependencies.rejections, new_id=dependencies.new_id, monotonic=dependencies.monotonic
    )
    accept = AcceptWebhook(
        publisher=dependencies.publisher,
        replies=dependencies.replies,
        decisions=dependencies.decisions,
        idempotency=dependencies.idempotency,
        pending=PendingAnswers(
            answers=dependencies.answers, restrictions=dependencies.restrictions, clock=dependencies.clock
        ),
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
    provider_webhooks, read_post = _providers(settings, dependencies)
    endpoints = Endpoints(
        threecx, ThreeCxChat(threecx), ConsentForms(threecx, dependencies.publisher), provider_webhooks
    )
    return Application(endpoints, read_post, refuse, reject, settings.keep_alive_seconds)


def _providers(
    settings: IngressSettings, dependencies: Dependencies
) -> tuple[Mapping[str, ProviderWebhooks], ReadPost]:
    """The endpoints of the providers, and the handler that reads their posts again."""
    secrets = WebhookSecrets(
        app_secret=settings.whatsapp_app_secret.get_secret_value().encode(),
        verify_token=settings.whatsapp_verify_token.get_secret_value().encode(),
    )
    receive = ReceiveProviderWebhook(
        directory=dependencies.directory,
        publisher=dependencies.publisher,
        attribute=AttributeUpdates(
            business_accounts=dependencies.business_accounts,
            learn=dependencies.learn_business_account,
            clock=dependencies.clock,
        ),
        large_posts=LargePosts(dependencies.post_reader, lambda: dependencies.replies.waiting),
    )
    sealer = post_sealer_from(settings.post_keys.get_secret_value())
    keep = KeepPosts(
        dead_letters=dependencies.dead_letters,
        directory=dependencies.directory,
        sealer=sealer,
        pseudonyms=settings.pseudonyms,
    )
    endpoints = provider_webhooks_from(
        dependencies.providers,
        secrets,
        receive=receive,
        keep=keep,
        clock=dependencies.clock,
        body_seconds=settings.body_timeout,
    )
    sources = {
        path: ProviderSource(kind=webhooks.kind, webhooks=webhooks.source) for path, webhooks in endpoints.items()
    }
    return endpoints, ReadPost(sources=sources, receive=receive, sealer=sealer)
