"""The webhook endpoint of every provider: a request is answered 200 once the broker has confirmed all of it.

That is: its events, and the dead letters of the parts that cannot be read.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from aiohttp import web

from libs.chassis.clock import Clock
from libs.chassis.metrics import from_zero
from libs.chassis.spans import exemplar, server_span
from libs.chassis.telemetry import logger
from libs.chassis.throttle import INDIVIDUAL_LIMIT, MinuteBudget
from libs.contracts.errors import ErrorCode, GatewayError, OperatorCode
from libs.providers.inbound import WebhookEndpoint, WebhookRequest, WebhookSecrets, WebhookSource
from libs.providers.provider import Provider
from libs.store.accounts import Number
from services.ingress import metrics
from services.ingress.domain.answers import UNAVAILABLE, Answer, failure
from services.ingress.domain.bodies import ENCODING_HEADER, is_encoded
from services.ingress.domain.media import MediaCutter
from services.ingress.handlers.credentials import webhook_number_from
from services.ingress.handlers.posts import KeepPosts, Post
from services.ingress.handlers.receive import ReceiveProviderWebhook
from services.ingress.http.answer_spans import describe_answer
from services.ingress.http.request_body import MAX_WITHOUT_MEDIA, BodyState, RequestBody, read_body

log = logger(__name__)
RECEIVED: Final = Answer(200, "ok", b'{"success":true}')
NOT_AUTHENTICATED: Final = failure(OperatorCode.UNAUTHORIZED, closes_connection=True)
UNSUPPORTED_ENCODING: Final = failure(
    OperatorCode.UNSUPPORTED_ENCODING, details={"field": ENCODING_HEADER}, closes_connection=True
)
INCOMPLETE: Final = failure(ErrorCode.INVALID_JSON, details={"field": "body"}, closes_connection=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderWebhooks:
    """The webhook endpoint of one provider."""

    kind: str
    endpoint: WebhookEndpoint
    source: WebhookSource
    receive: ReceiveProviderWebhook
    keep: KeepPosts
    clock: Clock
    body_seconds: float
    """The time for a body of 4 MB; the endpoints of larger bodies allow more."""
    log_budget: MinuteBudget[str] = field(default_factory=lambda: MinuteBudget(INDIVIDUAL_LIMIT), repr=False)

    async def post(self, request: web.BaseRequest, number_id: str | None = None) -> Answer:
        """Receive one request; after any answer but 200 the provider repeats it."""
        started = time.perf_counter()
        route = f"/integrations/{self.endpoint.path}/webhook{'' if number_id is None else '/{number_id}'}"
        with server_span(request.method, route, request.headers) as current:
            try:
                answer = await self._receive(request, number_id)
            except GatewayError as error:
                answer = failure(error.code, details=error.details)
            describe_answer(current, answer)
            traced = exemplar()
        metrics.PROVIDER_WEBHOOKS.labels(answer.code).inc()
        metrics.PROVIDER_WEBHOOK_SECONDS.labels(self.endpoint.path).observe(time.perf_counter() - started, traced)
        return answer

    async def _receive(self, request: web.BaseRequest, number_id: str | None) -> Answer:
        webhook, number = WebhookRequest(headers=request.headers, received_at=self.clock()), None
        if not self.endpoint.signs_body:
            webhook, number, authentic = await self._authenticated(webhook, number_id)
            if not authentic:
                return self._rejected(number)
        if is_encoded(request.headers.getall(ENCODING_HEADER, ())):
            return UNSUPPORTED_ENCODING
        body = await self._body(request)
        if body.state is BodyState.TOO_LARGE:
            return failure(ErrorCode.PAYLOAD_TOO_LARGE, details={"limit": body.limit}, closes_connection=True)
        if body.state is BodyState.INCOMPLETE:
            return INCOMPLETE if self.endpoint.repeats_after_4xx else UNAVAILABLE
        webhook = replace(webhook, body=body.body)
        if self.endpoint.signs_body:
            webhook, number, authentic = await self._authenticated(webhook, number_id)
            if not authentic:
                return self._rejected(number)
        return await self._take(webhook, number)

    async def _authenticated(
        self, webhook: WebhookRequest, number_id: str | None
    ) -> tuple[WebhookRequest, Number | None, bool]:
        """The request with the number that its address names, that number, and whether the request is authentic.

        As with integrations, the cached row decides for a caller only, and the stored row against one: by one read,
        whether the number exists or not. Raises GatewayError(gateway_unavailable) when the store cannot be read.
        """
        if number_id is None:
            return webhook, None, self.source.authenticate(webhook)
        number = self.receive.cached_number(self.kind, number_id)
        named = with_number(webhook, number)
        if self.source.authenticate(named):
            return named, number, True
        number = await self.receive.read_number(self.kind, number_id)
        named = with_number(webhook, number)
        return named, number, self.source.authenticate(named)

    async def _take(self, webhook: WebhookRequest, number: Number | None) -> Answer:
        """Publish the events of an authentic request, and keep what cannot be read."""
        inbound = await self.receive.large_posts.read(self.source, webhook)
        skipped = await self.receive(self.kind, inbound, number)
        if not inbound.is_whole:
            post = Post(
                endpoint=self.endpoint.path,
                provider=self.kind,
                number=number,
                arrived_at=webhook.received_at,
                body=webhook.body,
            )
            await self.keep(post, inbound)
        if skipped:
            counts = {reason.value: count for reason, count in skipped.items()}
            log.info("parts skipped", provider=self.kind, number_id=number.id if number else None, **counts)
        return RECEIVED

    async def _body(self, request: web.BaseRequest) -> RequestBody:
        limit = self.endpoint.max_body
        seconds = self.body_seconds * max(1.0, limit / MAX_WITHOUT_MEDIA)
        cutter = MediaCutter() if self.endpoint.embeds_media else None
        return await read_body(request, limit=limit, seconds=seconds, cutter=cutter)

    def _rejected(self, number: Number | None) -> Answer:
        """Log the same whether the number exists or not, and no flood: the caller is anybody."""
        if self.log_budget.admits(self.kind, at=self.clock().timestamp()):
            number_id = None if number is None else number.id
            log.warning("webhook request not authenticated", provider=self.kind, number_id=number_id)
        return NOT_AUTHENTICATED


def with_number(webhook: WebhookRequest, number: Number | None) -> WebhookRequest:
    """The request to the address of `number`, None when there is no such number."""
    return replace(webhook, number=None if number is None else webhook_number_from(number))


def provider_webhooks_from(
    providers: Mapping[str, Provider],
    secrets: WebhookSecrets,
    *,
    receive: ReceiveProviderWebhook,
    keep: KeepPosts,
    clock: Clock,
    body_seconds: float,
) -> Mapping[str, ProviderWebhooks]:
    """The endpoints of all providers, by the path segment of their address."""
    paths = [provider.endpoint.path for provider in providers.values()]
    from_zero(metrics.POSTS_SET_ASIDE, paths)
    from_zero(metrics.PROVIDER_WEBHOOK_SECONDS, paths)
    return {
        provider.endpoint.path: ProviderWebhooks(
            kind=provider.kind,
            endpoint=provider.endpoint,
            source=provider.webhooks(secrets),
            receive=receive,
            keep=keep,
            clock=clock,
            body_seconds=body_seconds,
        )
        for provider in providers.values()
    }
