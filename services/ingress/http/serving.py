"""From a connection to an endpoint and back: addresses, methods, and one JSON shape for whatever goes wrong.

A server of aiohttp's lower level: five addresses need no router, and its parser's own errors must have our shape too.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from libs.chassis.telemetry import logger, span
from libs.contracts.errors import GatewayError
from services.ingress import metrics
from services.ingress.domain.answers import (
    BROKEN_REQUEST,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    UNAVAILABLE,
    Answer,
    failure,
)
from services.ingress.http.evolution import Evolution
from services.ingress.http.meta import FORBIDDEN, Meta
from services.ingress.http.threecx import ThreeCx

log = logger(__name__)

# Without our own `Server`, aiohttp would tell its version and Python's.
HEADERS: Final = {"Content-Type": "application/json", "Cache-Control": "no-store", "Server": "gateway"}
TEXT: Final = {**HEADERS, "Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}

# How our server differs from aiohttp's defaults. Bodies arrive as they were signed; headers have 10 s to come in, which
# ends slow senders; what is left of a body that was answered early is read for a second, so that its sender sees why.
CONNECTION: Final[dict[str, float | bool | None]] = {
    "auto_decompress": False,
    "keepalive_timeout": 10.0,
    "lingering_time": 1.0,
    "access_log": None,
}


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Everything ingress serves. Never raises, and never answers 500: a defect before acceptance accepted nothing."""

    threecx: ThreeCx
    meta: Meta
    evolution: Evolution

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        try:
            return await self._answered(request)
        except GatewayError as error:
            return response_from(failure(error.code, details=error.details))
        except Exception as error:  # noqa: BLE001 -- the last resort; its text may hold a person's words
            log.error("defect", kind=type(error).__name__, where=_where(error))  # noqa: TRY400 -- no traceback: as above
            return response_from(UNAVAILABLE)

    async def _answered(self, request: web.BaseRequest) -> web.StreamResponse:
        match request.path.split("/"):
            case ["", "integrations", "3cx", "webhook", integration_id] if integration_id:
                return await self._threecx(request, integration_id, None, methods={"POST"})
            case ["", "integrations", "3cx", "webhook", integration_id, path_token] if integration_id and path_token:
                return await self._threecx(request, integration_id, path_token, methods={"POST", "GET"})
            case ["", "integrations", "3cx", "webhook", integration_id, "events", event_id] if integration_id:
                return await self._status(request, integration_id, event_id)
            case ["", "integrations", "whatsapp", "webhook"]:
                return await self._whatsapp(request)
            case ["", "integrations", "evolution", "webhook", number_id] if number_id:
                return await self._evolution(request, number_id)
            case _:
                return response_from(NOT_FOUND)

    async def _threecx(
        self, request: web.BaseRequest, integration_id: str, path_token: str | None, *, methods: Collection[str]
    ) -> web.StreamResponse:
        """Only whoever is authenticated learns whether GET is allowed."""
        answer = METHOD_NOT_ALLOWED
        if request.method in methods:
            answer = await self._webhook(request, integration_id, path_token)
        return not_allowed("POST") if answer is METHOD_NOT_ALLOWED else response_from(answer)

    async def _webhook(self, request: web.BaseRequest, integration_id: str, path_token: str | None = None) -> Answer:
        begun = time.perf_counter()
        metrics.WAITING.inc()
        try:
            with span("3cx webhook"):
                answer = await self._or_refusal(request, integration_id, path_token)
        finally:
            metrics.WAITING.dec()
        metrics.WEBHOOKS.labels(answer.code).inc()
        metrics.WEBHOOK_SECONDS.observe(time.perf_counter() - begun)
        return answer

    async def _or_refusal(self, request: web.BaseRequest, integration_id: str, path_token: str | None) -> Answer:
        try:
            return await self.threecx.post(request, integration_id, path_token)
        except GatewayError as error:
            return failure(error.code, details=error.details)

    async def _status(self, request: web.BaseRequest, integration_id: str, event_id: str) -> web.StreamResponse:
        if request.method != "GET":
            return not_allowed("GET")
        return response_from(await self.threecx.status(request, integration_id, event_id))

    async def _evolution(self, request: web.BaseRequest, number_id: str) -> web.StreamResponse:
        if request.method != "POST":
            return not_allowed("POST")
        with span("evolution webhook"):
            return response_from(await self.evolution.post(request, number_id))

    async def _whatsapp(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "GET":
            challenge = self.meta.verify(request)
            if challenge is None:
                return response_from(FORBIDDEN)
            return web.Response(body=challenge.encode("utf-8", "replace"), headers=TEXT)
        if request.method != "POST":
            return not_allowed("GET, POST")
        with span("whatsapp webhook"):
            return response_from(await self.meta.post(request))


class Server(web.Server):
    """A server whose protocol answers broken requests in our shape."""

    def __call__(self) -> web.RequestHandler:
        """Make the protocol of one connection."""
        return Protocol(self, loop=self._loop, **self._kwargs)


class Protocol(web.RequestHandler):
    """One connection."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 -- aiohttp's text repeats the request's bytes
    ) -> web.StreamResponse:
        """Answer what the parser cannot read, and what our own last resort missed."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun already")
        log.info("broken request", status=status, kind=type(exc).__name__)
        response = response_from(BROKEN_REQUEST if status < 500 else UNAVAILABLE)  # noqa: PLR2004 -- HTTP's own bound
        response.force_close()
        return response


def response_from(answer: Answer) -> web.Response:
    """Write an answer as HTTP."""
    response = web.Response(status=answer.status, body=answer.body, headers=HEADERS)
    if answer.retry_after is not None:
        response.headers["Retry-After"] = str(answer.retry_after)
    if answer.closes:
        response.force_close()
    return response


def not_allowed(methods: str) -> web.Response:
    """Say which methods an address knows."""
    response = response_from(METHOD_NOT_ALLOWED)
    response.headers["Allow"] = methods
    return response


def _where(error: BaseException) -> str:
    """File and line where a defect showed."""
    tb = error.__traceback__
    while tb is not None and tb.tb_next is not None:
        tb = tb.tb_next
    return f"{tb.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{tb.tb_lineno}" if tb else ""
