"""The WhatsApp endpoint: Meta's handshake, and posts that are answered 200 once the broker has all of them."""

import hmac
from dataclasses import dataclass, field
from typing import Final

import orjson
from aiohttp import web

from libs.chassis.telemetry import logger
from libs.contracts.errors import ErrorCode, GatewayError, OperatorCode
from services.ingress import metrics
from services.ingress.domain.answers import Answer, failure
from services.ingress.domain.whatsapp import batch_from, is_signed
from services.ingress.handlers.receiving import Receive
from services.ingress.http.reading import State, read_body

log = logger(__name__)
MAX_BODY: Final = 4 * 1024 * 1024  # DESIGN §4; Meta batches up to about 3 MB
SIGNATURE: Final = "X-Hub-Signature-256"
TAKEN: Final = Answer(200, "ok", b'{"success":true}')
NOT_SIGNED: Final = failure(OperatorCode.UNAUTHORIZED, closes=True)
FORBIDDEN: Final = failure(OperatorCode.FORBIDDEN, closes=True)
TOO_LARGE: Final = failure(ErrorCode.PAYLOAD_TOO_LARGE, details={"limit": MAX_BODY}, closes=True)
INCOMPLETE: Final = failure(ErrorCode.INVALID_JSON, details={"field": "body"}, closes=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """Takes what WhatsApp tells of every number of this installation."""

    receive: Receive
    app_secret: bytes = field(repr=False)
    verify_token: bytes = field(repr=False)
    body_seconds: float

    def verify(self, request: web.BaseRequest) -> str | None:
        """Read Meta's handshake: the challenge to send back, or None when the token is not ours."""
        query = request.query
        token = query.get("hub.verify_token", "").encode("utf-8", "backslashreplace")
        ours = hmac.compare_digest(token, self.verify_token)
        return query.get("hub.challenge", "") if ours and query.get("hub.mode") == "subscribe" else None

    async def post(self, request: web.BaseRequest) -> Answer:
        """Take one post; anything but 200 makes Meta send it again for days."""
        answer = await self._taken(request)
        metrics.META_WEBHOOKS.labels(answer.code).inc()
        return answer

    async def _taken(self, request: web.BaseRequest) -> Answer:
        reading = await read_body(request, limit=MAX_BODY, seconds=self.body_seconds)
        if reading.state is State.TOO_LARGE:
            return TOO_LARGE
        if reading.state is State.BROKEN:
            return INCOMPLETE
        if not is_signed(reading.body, request.headers.getall(SIGNATURE, ()), app_secret=self.app_secret):
            return NOT_SIGNED
        try:
            read = orjson.loads(reading.body)
        except orjson.JSONDecodeError:
            read = None  # signed, yet no JSON: asking Meta to repeat it for days would not help
        batch = batch_from(read, key=self.app_secret)
        try:
            await self.receive(batch)
        except GatewayError as error:
            return failure(error.code, details=error.details)
        if batch.skipped:
            log.info("parts passed over", **{reason.value: count for reason, count in batch.skipped.items()})
        return TAKEN
