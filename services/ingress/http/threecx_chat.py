"""The endpoint of 3CX's own chat: an agent's message in, and an answer that 3CX takes as sent or failed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from aiohttp import web

from libs.contracts.errors import ErrorCode, GatewayError
from libs.contracts.events import CHAT_DIALECT
from libs.store.accounts import Integration
from libs.store.callers import Caller, CredentialKind
from services.ingress.domain.answers import NOT_AUTHENTICATED, Answer, chat_answer, failure
from services.ingress.domain.authentication import PresentedCredentials, bearer_tokens, chat_rejection
from services.ingress.domain.bodies import InvalidBody
from services.ingress.domain.dialects.threecx_chat import chat_message_from
from services.ingress.handlers.accept_webhook import Webhook
from services.ingress.http.request_body import BodyState, RequestBody, read_body
from services.ingress.http.threecx_webhooks import MAX_BODY_BYTES, ThreeCxWebhooks, fields_from

AUTHORIZATION_HEADER: Final = "Authorization"
CREDENTIAL: Final = CredentialKind.CHAT_KEY


@dataclass(frozen=True, slots=True)
class ThreeCxChat:
    """Reads and authenticates an agent's message; everything else it has from the webhook's endpoint."""

    webhooks: ThreeCxWebhooks

    async def post(self, request: web.BaseRequest, integration_id: str) -> Answer:
        """Answer one message. All requests that are not authenticated get the same answer at the same cost."""
        now, webhooks = self.webhooks.clock(), self.webhooks
        address = webhooks.client_address(request)
        presented = PresentedCredentials(address, bearer_tokens(request.headers.getall(AUTHORIZATION_HEADER, ())))
        integration, _, reason = await webhooks.credentials.find(
            integration_id, lambda stored: chat_rejection(presented, stored, now=now)
        )
        body = await read_body(request, limit=MAX_BODY_BYTES, seconds=webhooks.body_seconds, keep=reason is None)
        if reason is not None:
            webhooks.reject(integration, integration_id, address=address, reason=reason)
        if reason is not None or integration is None:
            return NOT_AUTHENTICATED
        try:
            return chat_answer(await self._authenticated(request, integration, body))
        except GatewayError as error:
            return chat_answer(failure(error.code, details=error.details))

    async def _authenticated(self, request: web.BaseRequest, integration: Integration, body: RequestBody) -> Answer:
        """Answer a caller within its limit. A request that the gateway fails to accept does not count."""
        if body.state is BodyState.TOO_LARGE:
            return self._refused(
                integration, ErrorCode.PAYLOAD_TOO_LARGE, {"limit": MAX_BODY_BYTES}, closes_connection=True
            )
        caller, limit, limits = (
            Caller(integration.id, CREDENTIAL),
            integration.chat_per_minute,
            self.webhooks.rate_limits,
        )
        wait = await limits.hit(caller, limit)
        if wait is not None:
            details = {"limit": limit, "retry_after": max(1, math.ceil(wait))}
            return self._refused(integration, ErrorCode.WEBHOOK_RATE_LIMITED, details)
        try:
            answer = await self._within_limit(request, integration, body)
        except Exception:
            limits.refund(caller, limit)
            raise
        if answer.code == ErrorCode.GATEWAY_UNAVAILABLE:
            limits.refund(caller, limit)
        return answer

    async def _within_limit(self, request: web.BaseRequest, integration: Integration, body: RequestBody) -> Answer:
        try:
            read = fields_from(request, body)
        except InvalidBody as error:
            problem, incomplete = {"field": error.field, "problem": error.problem}, body.state is BodyState.INCOMPLETE
            return self._refused(integration, ErrorCode.INVALID_JSON, problem, closes_connection=incomplete)
        message, repeated = chat_message_from(read, integration), integration.chat_repeat_seconds
        return await self.webhooks.accept(
            Webhook(
                integration,
                message.payload,
                body.body,
                dialect=CHAT_DIALECT,
                deduplication_key=("chat", *message.key) if repeated else None,
                kept=timedelta(seconds=repeated),
                credential=CREDENTIAL,
            )
        )

    def _refused(
        self,
        integration: Integration,
        code: ErrorCode,
        details: Mapping[str, object],
        *,
        closes_connection: bool = False,
    ) -> Answer:
        return self.webhooks.refuse(
            integration, code, details, credential=CREDENTIAL, closes_connection=closes_connection
        )
