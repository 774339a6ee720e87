"""HTTP servers whose every answer has the gateway's error shape and none names the software behind it.

aiohttp answers what its parser rejects, and a path or an `Expect` that it does not know, by itself: in plain text that
repeats the request, with the versions of aiohttp and Python. `Server` answers these from the error catalogue instead.

aiohttp also closes idle connections at once when it stops, while a proxy may be sending a request on one. A `Server`
that drains leaves them open until their next request is answered, or until they were idle for their keep-alive time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import orjson
from aiohttp import web

from libs.chassis.telemetry import logger
from libs.contracts.errors import AnyCode, ErrorCode, OperatorCode
from libs.contracts.results import failure_body

log = logger(__name__)
SOFTWARE: Final = "gateway"
HEADERS: Final = {"Content-Type": "application/json", "Cache-Control": "no-store", "Server": SOFTWARE}
MALFORMED: Final = {"field": "request"}
UNAVAILABLE: Final = {"retry_after": 2}
DRAIN_POLL_SECONDS: Final = 0.05
RequestHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def error_response(code: AnyCode, details: Mapping[str, Any] | None = None, **headers: str) -> web.Response:
    """The response for an error of the catalogue."""
    status, body = failure_body(code, details=details)
    return web.Response(status=status, body=orjson.dumps(body), headers={**HEADERS, **headers})


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
        """Answer a request that the HTTP parser rejects, or whose handler failed, and close the connection."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has been sent in part")
        log.info("malformed request", status=status, kind=type(exc).__name__)
        if status < 500:  # noqa: PLR2004 -- HTTP's server errors
            response = error_response(ErrorCode.INVALID_JSON, MALFORMED)
        else:
            response = error_response(ErrorCode.GATEWAY_UNAVAILABLE, UNAVAILABLE, **{"Retry-After": "2"})
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the response; while the server drains it says `Connection: close`, so that nobody uses it again."""
        if isinstance(self._manager, Server) and self._manager.draining:
            resp.force_close()
        return await super().finish_response(request, resp, start_time)


class Server(web.Server):
    """A server with connections of this module. It takes the arguments of `aiohttp.web.Server`."""

    draining = False
    """Whether each connection ends with its next answer."""

    async def drain(self, seconds: float) -> None:
        """Wait until every connection has ended, for `seconds` at most; call it when no new one is accepted."""
        self.draining = True
        try:
            async with asyncio.timeout(seconds):
                while self.connections:  # noqa: ASYNC110 -- aiohttp has no event for the last one's end
                    await asyncio.sleep(DRAIN_POLL_SECONDS)
        except TimeoutError:
            log.info("connections left", count=len(self.connections))

    def __call__(self) -> web.RequestHandler:
        """The protocol of one connection."""
        return Protocol(self, loop=self._loop, **self._kwargs)


class ApplicationRunner(web.AppRunner):
    """An `AppRunner` with a `Server` of this module."""

    __slots__ = ()

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return Server(_answered(made.request_handler), request_factory=made.request_factory, **self._arguments(made))

    @staticmethod
    def _arguments(made: web.Server) -> dict[str, Any]:
        return {**made._kwargs, "loop": made._loop}  # noqa: SLF001 -- aiohttp has no other way to exchange the server


def _answered(handler: RequestHandler) -> RequestHandler:
    """The handler, with the exceptions that aiohttp raises past the application's middleware as answers."""

    async def answered(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPMethodNotAllowed as error:
            allowed = ", ".join(sorted(error.allowed_methods))
            return error_response(OperatorCode.METHOD_NOT_ALLOWED, Allow=allowed)
        except web.HTTPNotFound:
            return error_response(OperatorCode.NOT_FOUND)
        except web.HTTPException:
            return error_response(ErrorCode.INVALID_JSON, MALFORMED)

    return answered


async def name_software(_: web.Request, response: web.StreamResponse) -> None:
    """Set the `Server` header; an application's `on_response_prepare` calls it for every response."""
    response.headers["Server"] = SOFTWARE
