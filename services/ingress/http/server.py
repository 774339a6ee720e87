"""The HTTP server: routes requests to endpoints and answers every error in one JSON format.

It uses the low-level server, since a few paths need no router; `libs.chassis.http_server` answers what is not HTTP.
"""

import time
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from aiohttp import web
from prometheus_client import Counter, Histogram

from libs.chassis.failures import failure_location
from libs.chassis.http_server import HEADERS
from libs.chassis.spans import exemplar, server_span
from libs.chassis.telemetry import logger
from libs.contracts.errors import GatewayError, OperatorCode
from services.ingress import metrics
from services.ingress.domain.answers import METHOD_NOT_ALLOWED, NOT_FOUND, UNAVAILABLE, Answer, AnswerCause, failure
from services.ingress.http.answer_spans import describe_answer
from services.ingress.http.consent_forms import ConsentForms
from services.ingress.http.provider_webhooks import ProviderWebhooks
from services.ingress.http.threecx_chat import ThreeCxChat
from services.ingress.http.threecx_webhooks import ThreeCxWebhooks

log = logger(__name__)
_THREECX: Final = "/integrations/3cx/webhook/{integration_id}"
_WITH_TOKEN: Final = f"{_THREECX}/{{path_token}}"
_CHAT: Final = "/integrations/3cx/chat/{integration_id}"
_FORMS: Final = "/integrations/3cx/consents/{integration_id}"
_STATUS: Final = f"{_THREECX}/events/{{event_id}}"
FORBIDDEN: Final = failure(OperatorCode.FORBIDDEN, closes_connection=True)

TEXT_HEADERS: Final = {**HEADERS, "Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}

# Differences from aiohttp's defaults, beside the keep-alive time, within which headers must arrive too. Bodies stay as
# they were signed. The rest of a body that was answered early is read for 1 s: its sender must see the answer.
CONNECTION_OPTIONS: Final[dict[str, float | bool | None]] = {
    "auto_decompress": False,
    "lingering_time": 1.0,
    "access_log": None,
}


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Routes requests. Never raises and never answers 500: a defect means that nothing was accepted, which is 503."""

    threecx: ThreeCxWebhooks
    chat: ThreeCxChat
    forms: ConsentForms
    providers: Mapping[str, ProviderWebhooks]
    """By the path segment of their address."""

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        try:
            return await self._route(request)
        except GatewayError as error:
            return response_from(failure(error.code, details=error.details))
        except Exception as error:  # noqa: BLE001 -- the last resort
            # No traceback: the exception's text may hold personal data.
            log.error("defect", kind=type(error).__name__, where=failure_location(error))  # noqa: TRY400 -- see above
            return response_from(UNAVAILABLE)

    async def _route(self, request: web.BaseRequest) -> web.StreamResponse:
        match request.path.split("/"):
            case ["", "integrations", "3cx", "webhook", integration_id] if integration_id:
                return await self._threecx(request, integration_id, None, methods={"POST"})
            case ["", "integrations", "3cx", "webhook", integration_id, path_token] if integration_id and path_token:
                return await self._threecx(request, integration_id, path_token, methods={"POST", "GET"})
            case ["", "integrations", "3cx", "webhook", integration_id, "events", event_id] if integration_id:
                return await self._status(request, integration_id, event_id)
            case ["", "integrations", "3cx", "chat" | "consents" as kind, integration_id] if integration_id:
                return await self._json(request, integration_id, kind)
            case ["", "integrations", path, "webhook", *rest] if path in self.providers:
                return await self._provider(request, self.providers[path], rest)
            case _:
                return response_from(NOT_FOUND)

    async def _threecx(
        self, request: web.BaseRequest, integration_id: str, path_token: str | None, *, methods: Collection[str]
    ) -> web.StreamResponse:
        """An authenticated caller alone learns whether GET is allowed."""
        answer = METHOD_NOT_ALLOWED
        if request.method in methods:
            route = _THREECX if path_token is None else _WITH_TOKEN
            answer = await self._answered(request, route, self.threecx.post(request, integration_id, path_token))
        return not_allowed("POST") if answer is METHOD_NOT_ALLOWED else response_from(answer)

    async def _json(self, request: web.BaseRequest, integration_id: str, kind: str) -> web.StreamResponse:
        if request.method != "POST":
            return not_allowed("POST")
        if kind == "chat":
            return response_from(await self._answered(request, _CHAT, self.chat.post(request, integration_id)))
        return response_from(await self._answered(request, _FORMS, self.forms.post(request, integration_id)))

    async def _answered(self, request: web.BaseRequest, route: str, answering: Awaitable[Answer]) -> Answer:
        started = time.perf_counter()
        metrics.WAITING.inc()
        try:
            with server_span(request.method, route, request.headers) as current:
                try:
                    answer = await answering
                except GatewayError as error:
                    answer = failure(error.code, details=error.details)
                describe_answer(current, answer)
                traced = exemplar()
        finally:
            metrics.WAITING.dec()
        counter, seconds = _metrics_of(answer.code, answer.cause)
        counter.inc()
        seconds.observe(time.perf_counter() - started, traced)
        return answer

    async def _status(self, request: web.BaseRequest, integration_id: str, event_id: str) -> web.StreamResponse:
        if request.method != "GET":
            return not_allowed("GET")
        with server_span(request.method, _STATUS, request.headers) as current:
            answer = await self.threecx.status(request, integration_id, event_id)
            describe_answer(current, answer)
        return response_from(answer)

    async def _provider(
        self, request: web.BaseRequest, webhooks: ProviderWebhooks, rest: Sequence[str]
    ) -> web.StreamResponse:
        """`rest` is the end of the path: a number's id where each number has an address of its own, else nothing."""
        number_id = rest[0] if rest else None
        if len(rest) > 1 or number_id == "" or webhooks.endpoint.per_number != bool(rest):
            return response_from(NOT_FOUND)
        if request.method == "GET" and webhooks.endpoint.handshake:
            challenge = webhooks.source.challenge(request.query)
            if challenge is None:
                return response_from(FORBIDDEN)
            return web.Response(body=challenge.encode("utf-8", "replace"), headers=TEXT_HEADERS)
        if request.method != "POST":
            return not_allowed("GET, POST" if webhooks.endpoint.handshake else "POST")
        return response_from(await webhooks.post(request, number_id))


@cache
def _metrics_of(code: str, cause: AnswerCause) -> tuple[Counter, Histogram]:
    """The counter and the times of answers with this code and cause, of which there are closed lists."""
    return metrics.WEBHOOKS.labels(code, cause), metrics.WEBHOOK_SECONDS.labels(cause)


def response_from(answer: Answer) -> web.Response:
    """The HTTP response of an answer."""
    response = web.Response(status=answer.status, body=answer.body, headers=HEADERS)
    if answer.retry_after is not None:
        response.headers["Retry-After"] = str(answer.retry_after)
    if answer.closes_connection:
        response.force_close()
    return response


def not_allowed(methods: str) -> web.Response:
    """The response that lists the methods of a path."""
    response = response_from(METHOD_NOT_ALLOWED)
    response.headers["Allow"] = methods
    return response
