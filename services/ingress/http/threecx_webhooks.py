"""The 3CX endpoints: the webhook, which runs its checks in a fixed order, and the status of an event."""

import math
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from aiohttp import web

from libs.chassis.client_addresses import Address, Networks, client_address
from libs.chassis.clock import Clock
from libs.contracts.errors import ErrorCode
from libs.contracts.phone_numbers import with_lost_plus
from libs.store.accounts import Integration
from libs.store.callers import Caller, CredentialKind
from libs.store.idempotency import Answers
from services.ingress.domain.answers import METHOD_NOT_ALLOWED, NOT_AUTHENTICATED, NOT_FOUND, Answer, answer_from_record
from services.ingress.domain.authentication import (
    PresentedCredentials,
    WebhookCredentials,
    caller_rejection,
    expected_signature,
    message_rejection,
)
from services.ingress.domain.bodies import ENCODING_HEADER, InvalidBody, object_from, require_identity, require_json
from services.ingress.domain.dialects import translation_from
from services.ingress.handlers.accept_webhook import AcceptWebhook, Webhook
from services.ingress.handlers.credentials import CredentialsCache
from services.ingress.handlers.record_only import RecordOnly
from services.ingress.handlers.refuse_request import RefuseRequest
from services.ingress.handlers.reject_request import RejectRequest
from services.ingress.http.request_body import BodyState, RequestBody, read_body
from services.ingress.ports import RateLimits

MAX_BODY_BYTES: Final = 262_144
PER_MINUTE: Final = 60
SECRET_HEADER: Final = "X-WhatsApp-Gateway-3CX-Secret"  # noqa: S105 -- a header's name
TIMESTAMP_HEADER: Final = "X-WhatsApp-Gateway-Timestamp"
SIGNATURE_HEADER: Final = "X-WhatsApp-Gateway-Signature"
IDEMPOTENCY_KEY_HEADER: Final = "Idempotency-Key"
VISIBLE_ASCII: Final = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
NO_SIGNATURE: Final = bytes(32)
WithinLimit = Callable[[web.BaseRequest, Integration, RequestBody, CredentialKind], Awaitable[Answer]]
"""Answers an authenticated request within its caller's limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreeCxWebhooks:
    """Reads and authenticates requests, and passes them to a handler."""

    credentials: CredentialsCache
    rate_limits: RateLimits
    accept: AcceptWebhook
    record_only: RecordOnly
    refuse: RefuseRequest
    reject: RejectRequest
    answers: Answers
    trusted: Networks
    clock: Clock
    body_seconds: float

    async def post(
        self,
        request: web.BaseRequest,
        integration_id: str,
        path_token: str | None = None,
        *,
        within_limit: WithinLimit | None = None,
    ) -> Answer:
        """Answer one webhook. All requests that are not authenticated get the same answer at the same cost.

        A `path_token` replaces the headers as credentials; GET may be allowed with it. `within_limit` answers what is
        authenticated and within the limit, in place of the webhook's own handling.
        """
        now, credential = self.clock(), CredentialKind.SECRET
        presented = self._presented(request)
        if path_token is not None:
            credential, presented = CredentialKind.PATH_TOKEN, PresentedCredentials(presented.address, (path_token,))
        integration, required, reason = await self.credentials.find(
            integration_id, lambda stored: caller_rejection(presented, required_of(stored, credential), now=now)
        )
        mac = expected_signature(presented) if presented.signatures else None
        body = await read_body(request, limit=MAX_BODY_BYTES, seconds=self.body_seconds, keep=reason is None, mac=mac)
        if reason is None and body.state is not BodyState.TOO_LARGE:
            digest = NO_SIGNATURE if mac is None else mac.digest()
            reason = message_rejection(presented, required_of(required, credential), now=now, digest=digest)
        if reason is not None:
            self.reject(integration, integration_id, address=presented.address, reason=reason)
        if reason is not None or integration is None:
            return NOT_AUTHENTICATED
        if body.state is BodyState.TOO_LARGE:
            details = {"limit": MAX_BODY_BYTES}
            return self.refuse(
                integration, ErrorCode.PAYLOAD_TOO_LARGE, details, credential=credential, closes_connection=True
            )
        if request.method == "GET" and not integration.allow_get:
            return METHOD_NOT_ALLOWED
        return await self._authenticated(request, integration, body, credential, within_limit or self._within_limit)

    async def _authenticated(
        self,
        request: web.BaseRequest,
        integration: Integration,
        body: RequestBody,
        credential: CredentialKind,
        within_limit: WithinLimit,
    ) -> Answer:
        """Answer a caller within its limit. A request that the gateway fails to accept does not count."""
        caller = Caller(integration.id, credential)
        wait = await self.rate_limits.hit(caller)
        if wait is not None:
            details = {"limit": PER_MINUTE, "retry_after": max(1, math.ceil(wait))}
            return self.refuse(integration, ErrorCode.WEBHOOK_RATE_LIMITED, details, credential=credential)
        try:
            answer = await within_limit(request, integration, body, credential)
        except Exception:
            self.rate_limits.refund(caller)
            raise
        if answer.code == ErrorCode.GATEWAY_UNAVAILABLE:
            self.rate_limits.refund(caller)
        return answer

    async def _within_limit(
        self, request: web.BaseRequest, integration: Integration, body: RequestBody, credential: CredentialKind
    ) -> Answer:
        try:
            fields = fields_from(request, body)
            key = idempotency_key_from(request.headers.getall(IDEMPOTENCY_KEY_HEADER, ()))
        except InvalidBody as error:
            problem = {"field": error.field, "problem": error.problem}
            incomplete = body.state is BodyState.INCOMPLETE
            return self.refuse(
                integration, ErrorCode.INVALID_JSON, problem, credential=credential, closes_connection=incomplete
            )
        translation = translation_from(fields, integration, now=self.clock())
        if translation.record_only:
            return await self.record_only(integration, translation)
        return await self.accept(
            Webhook(
                integration,
                translation.payload,
                body.body or request.query_string.encode("utf-8", "replace"),
                key,
                dialect=translation.dialect,
                deduplication_key=translation.deduplication_key,
                credential=credential,
            )
        )

    async def status(self, request: web.BaseRequest, integration_id: str, event_id: str) -> Answer:
        """The status of one of the integration's events. Requires the address and the secret, but no signature."""
        presented = self._presented(request)
        now = self.clock()
        integration, _, reason = await self.credentials.find(
            integration_id, lambda stored: caller_rejection(presented, stored, now=now)
        )
        if reason is not None:
            self.reject(integration, integration_id, address=presented.address, reason=reason)
        if reason is not None or integration is None:
            return NOT_AUTHENTICATED
        try:
            event = UUID(event_id)
        except ValueError:
            return NOT_FOUND
        recent = self.accept.recent.find(event, integration.id)
        if recent is not None:
            return recent
        record = await self.answers.find(str(event), integration.id)
        return NOT_FOUND if record is None else answer_from_record(event, record)

    def client_address(self, request: web.BaseRequest) -> Address | None:
        """The address of the client, behind trusted proxies."""
        forwarded = request.headers.getall("X-Forwarded-For", ()) if self.trusted.members else ()
        return client_address(request.remote or "", forwarded, trusted=self.trusted)

    def _presented(self, request: web.BaseRequest) -> PresentedCredentials:
        headers = request.headers
        return PresentedCredentials(
            self.client_address(request),
            headers.getall(SECRET_HEADER, ()),
            headers.getall(TIMESTAMP_HEADER, ()),
            headers.getall(SIGNATURE_HEADER, ()),
        )


def required_of(stored: WebhookCredentials | None, credential: CredentialKind) -> WebhookCredentials | None:
    """What an integration requires of callers with this kind of credentials."""
    return stored.for_path_token() if stored and credential is CredentialKind.PATH_TOKEN else stored


def fields_from(request: web.BaseRequest, body: RequestBody) -> dict[str, Any]:
    """The fields of a request: of its JSON object, or of a GET's query. Raises InvalidBody."""
    if request.method == "GET":
        query = request.query
        return {name: with_lost_plus(many[0]) if len(many := query.getall(name)) == 1 else many for name in query}
    if body.state is BodyState.INCOMPLETE:
        raise InvalidBody("body", "did not arrive whole and in time")
    require_identity(request.headers.getall(ENCODING_HEADER, ()))
    require_json(request.headers.getall("Content-Type", ()))
    return object_from(body.body)


def idempotency_key_from(headers: Sequence[str]) -> str | None:
    """Read `Idempotency-Key`: 1 to 255 visible ASCII characters, sent once. Raises InvalidBody for anything else."""
    if not headers:
        return None
    if len(headers) != 1 or VISIBLE_ASCII.fullmatch(headers[0]) is None:
        raise InvalidBody(IDEMPOTENCY_KEY_HEADER, "must be 1 to 255 visible ASCII characters, sent once")
    return headers[0]
