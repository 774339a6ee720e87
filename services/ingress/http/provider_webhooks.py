"""The webhook endpoint of every provider: a request is answered 200 once the broker has confirmed all of its events."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from aiohttp import web

from libs.chassis.clock import Clock
from libs.chassis.telemetry import logger, span
from libs.contracts.errors import ErrorCode, GatewayError, OperatorCode
from libs.providers.inbound import WebhookEndpoint, WebhookNumber, WebhookRequest, WebhookSecrets, WebhookSource
from libs.providers.provider import Provider
from libs.store.accounts import Number
from services.ingress import metrics
from services.ingress.domain.answers import UNAVAILABLE, Answer, failure
from services.ingress.handlers.credentials import secrets_from
from services.ingress.handlers.receive import ReceiveProviderWebhook
from services.ingress.http.request_body import BodyState, read_body

log = logger(__name__)
MAX_BODY: Final = 4 * 1024 * 1024  # Meta batches up to about 3 MB
RECEIVED: Final = Answer(200, "ok", b'{"success":true}')
NOT_AUTHENTICATED: Final = failure(OperatorCode.UNAUTHORIZED, closes_connection=True)
TOO_LARGE: Final = failure(ErrorCode.PAYLOAD_TOO_LARGE, details={"limit": MAX_BODY}, closes_connection=True)
INCOMPLETE: Final = failure(ErrorCode.INVALID_JSON, details={"field": "body"}, closes_connection=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderWebhooks:
    """The webhook endpoint of one provider."""

    kind: str
    endpoint: WebhookEndpoint
    source: WebhookSource
    receive: ReceiveProviderWebhook
    clock: Clock
    body_seconds: float

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
            headers=request.headers, received_at=self.clock(), number=_webhook_number_from(number) if number else None
        )
        if not self.endpoint.signs_body and not self.source.authenticate(webhook):
            return self._rejected(number)
        body = await read_body(request, limit=MAX_BODY, seconds=self.body_seconds)
        if body.state is BodyState.TOO_LARGE:
            return TOO_LARGE
        if body.state is BodyState.INCOMPLETE:
            return INCOMPLETE if self.endpoint.repeats_after_4xx else UNAVAILABLE
        webhook = replace(webhook, body=body.body)
        if self.endpoint.signs_body and not self.source.authenticate(webhook):
            return self._rejected(number)
        skipped = await self.receive(self.kind, self.source.parse(webhook), number)
        if skipped:
            counts = {reason.value: count for reason, count in skipped.items()}
            log.info("parts skipped", provider=self.kind, number_id=number.id if number else None, **counts)
        return RECEIVED

    def _rejected(self, number: Number | None) -> Answer:
        if number is not None:
            log.warning("webhook request not authenticated", provider=self.kind, number_id=number.id)
        return NOT_AUTHENTICATED


def provider_webhooks_from(
    providers: Mapping[str, Provider],
    secrets: WebhookSecrets,
    *,
    receive: ReceiveProviderWebhook,
    clock: Clock,
    body_seconds: float,
) -> Mapping[str, ProviderWebhooks]:
    """The endpoints of all providers, by the path segment of their address."""
    return {
        provider.endpoint.path: ProviderWebhooks(
            kind=provider.kind,
            endpoint=provider.endpoint,
            source=provider.webhooks(secrets),
            receive=receive,
            clock=clock,
            body_seconds=body_seconds,
        )
        for provider in providers.values()
    }


def _webhook_number_from(number: Number) -> WebhookNumber:
    return WebhookNumber(
        id=number.id, phone_number_id=number.phone_number_id, secrets=secrets_from(number.webhook_secrets)
    )
