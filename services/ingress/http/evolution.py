"""Evolution's endpoint: a post is answered 200 once the broker has all of it, and 5xx when it should come again.

Evolution signs nothing. It proves itself with a secret header of our making, and gives up on most 4xx: so 401 is for
strangers, and whatever we cannot take for a reason of ours is never a 4xx.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

import orjson
from aiohttp import web

from libs.chassis.clock import Clock
from libs.chassis.telemetry import logger
from libs.contracts.errors import ErrorCode, GatewayError, OperatorCode
from libs.store.accounts import Number
from services.ingress import metrics
from services.ingress.domain.answers import UNAVAILABLE, Answer, failure
from services.ingress.domain.authentication import is_proven
from services.ingress.domain.evolution import Arrival, post_from
from services.ingress.handlers.hearing import Hear
from services.ingress.http.reading import State, read_body

log = logger(__name__)
MAX_BODY: Final = 4 * 1024 * 1024
SECRET: Final = "X-GW-Secret"  # noqa: S105 -- a header's name
TAKEN: Final = Answer(200, "ok", b'{"success":true}')
STRANGER: Final = failure(OperatorCode.UNAUTHORIZED, closes=True)
TOO_LARGE: Final = failure(ErrorCode.PAYLOAD_TOO_LARGE, details={"limit": MAX_BODY}, closes=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evolution:
    """Takes what Evolution servers tell of their numbers."""

    hear: Hear
    clock: Clock
    body_seconds: float

    async def post(self, request: web.BaseRequest, number_id: str) -> Answer:
        """Take one post; a stranger's is not even read."""
        try:
            answer = await self._taken(request, number_id)
        except GatewayError as error:
            answer = failure(error.code, details=error.details)
        metrics.META_WEBHOOKS.labels(answer.code).inc()
        return answer

    async def _taken(self, request: web.BaseRequest, number_id: str) -> Answer:
        number, secrets = await self.hear.speaker(number_id)
        proven = is_proven(request.headers.getall(SECRET, ()), secrets, now=self.clock())
        if number is None or not proven:
            if number is not None:
                log.warning("evolution's secret is missing or wrong", number_id=number.id)
            return STRANGER
        reading = await read_body(request, limit=MAX_BODY, seconds=self.body_seconds)
        if reading.state is State.TOO_LARGE:
            return TOO_LARGE
        return UNAVAILABLE if reading.state is State.BROKEN else await self._heard(number, reading.body)

    async def _heard(self, number: Number, body: bytes) -> Answer:
        arrival = Arrival(
            number_id=number.id,
            account_id=number.account_id,
            instance=number.phone_number_id,
            at=self.clock(),
            digest=hashlib.sha256(body).hexdigest(),
        )
        try:
            read = orjson.loads(body)
        except orjson.JSONDecodeError:
            read = None  # no JSON: asking for it again would not help
        post = post_from(read, arrival)
        await self.hear(post)
        if post.passed:
            passed = {reason.value: count for reason, count in post.passed.items()}
            log.info("parts passed over", number_id=number.id, **passed)
        return TAKEN
