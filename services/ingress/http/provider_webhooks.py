"""The webhook endpoint of every provider: a request is answered 200 once the broker has confirmed all of it.

That is: its events, and the dead letters of the parts that cannot be read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from aiohttp import web

from libs.chassis.clock import Clock
from libs.chassis.telemetry import logger, span
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

    async def post(self, request: web.BaseRequest, number_id: str | None = None) -> Answer:
        """Receive one request; after any answer but 200 the provider repeats it."""
        try:
            with span(f"{self.endpoint.path} webhook"):
                answer = await self._receive(request, number_id)
        except GatewayError as error:
            answer = failure(error.code, details=error.details)
        metrics.PROVIDER_WEBHOOKS.labels(answer.code).inc()
        return answer

    async def _receive(self, request: web.BaseRequest, number_id: str | None) -> Answer:
        number = None if number_id is None else await self.receive.number(self.kind, number_id)
        webhook = WebhookRequest(
            headers=request.headers, received_at=self.clock(), number=webhook_number_from(number) if number else None
        )
        if not self.endpoint.signs_body and not self.source.authenticate(webhook):
            return self._rejected(number)
        if is_encoded(request.headers.getall(ENCODING_HEADER, ())):
            return UNSUPPORTED_ENCODING
        body = await self._body(request)
        if body.state is BodyState.TOO_LARGE:
            return failure(ErrorCode.PAYLOAD_TOO_LARGE, details={"limit": body.limit}, closes_connection=True)
        if body.state is BodyState.INCOMPLETE:
            return INCOMPLETE if self.endpoint.repeats_after_4xx else UNAVAILABLE
        webhook = replace(webhook, body=body.body)
        if self.endpoint.signs_body and not self.source.authenticate(webhook):
            return self._rejected(number)
        return await self._take(webhook, number)

    async def _take(self, webhook: WebhookRequest, number: Number | None) -> Answer:
        """Publish the events of an authentic request, and keep what cannot be read."""
        inbound = self.source.parse(webhook)
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
        if number is not None:
            log.warning("webhook request not authenticated", provider=self.kind, number_id=number.id)
        return NOT_AUTHENTICATED


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
    for provider in providers.values():
        metrics.POSTS_SET_ASIDE.labels(provider.endpoint.path)  # an alert needs the series before its first post
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
