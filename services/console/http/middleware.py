"""Middleware of every request: metrics and tracing, refusals in one shape, and authentication."""

import time
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from libs.chassis.failures import failure_location
from libs.chassis.span_attributes import SERVER_ERROR, STATUS
from libs.chassis.spans import server_span
from libs.chassis.telemetry import logger
from libs.contracts.errors import GatewayError, OperatorCode, unavailable
from services.console import metrics
from services.console.domain.principals import Principal, RejectedCaller
from services.console.http.responses import refusal_response
from services.console.ports import Authenticator, RejectionRecorder

log = logger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
AUTHENTICATOR: Final = web.AppKey("authenticator", Authenticator)
REJECTION_RECORDER: Final[web.AppKey[RejectionRecorder]] = web.AppKey("rejection_recorder")
_PRINCIPAL: Final = web.RequestKey("principal", Principal)
_UNKNOWN: Final = "unknown"


@web.middleware
async def measure(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count, time and trace every call under its route's name."""
    operation = request.match_info.route.name or _UNKNOWN
    started = time.perf_counter()
    resource = request.match_info.route.resource
    route = _UNKNOWN if resource is None else resource.canonical
    with server_span(request.method, route, request.headers) as current:
        response = await handler(request)
        current.set({STATUS: response.status})
        if response.status >= SERVER_ERROR:
            current.fail(str(response.status))
    metrics.CALLS.labels(operation, response.status).inc()
    metrics.CALL_SECONDS.labels(operation).observe(time.perf_counter() - started)
    return response


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every exception into a refusal of the same shape."""
    try:
        return await handler(request)
    except GatewayError as error:
        headers = {"WWW-Authenticate": "Bearer"} if error.code is OperatorCode.UNAUTHORIZED else {}
        return refusal_response(error, **headers)
    except web.HTTPMethodNotAllowed as error:
        refusal = GatewayError(OperatorCode.METHOD_NOT_ALLOWED)
        return refusal_response(refusal, Allow=", ".join(sorted(error.allowed_methods)))
    except web.HTTPException:
        return refusal_response(GatewayError(OperatorCode.NOT_FOUND))
    except Exception as error:  # noqa: BLE001 -- the caller gets an answer, the log the location
        # No traceback: the text of an exception may hold personal data.
        log.error("unexpected error", kind=type(error).__name__, at=failure_location(error))  # noqa: TRY400
        return refusal_response(unavailable("console"))


@web.middleware
async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Require a valid token, also for unknown paths: without one every path answers 401."""
    caller = await request.app[AUTHENTICATOR].authenticate(_token_in(request))
    if isinstance(caller, RejectedCaller):
        operation = request.match_info.route.name or _UNKNOWN
        metrics.REFUSED_TOKENS.inc()
        log.warning("token rejected", operation=operation, reason=caller.reason.value)
        await request.app[REJECTION_RECORDER](caller, request.remote or _UNKNOWN, operation)
        raise GatewayError(OperatorCode.UNAUTHORIZED)
    request[_PRINCIPAL] = caller
    return await handler(request)


def principal_of(request: web.Request) -> Principal:
    """The caller of a request that `authenticate` has passed."""
    return request[_PRINCIPAL]


def _token_in(request: web.Request) -> str | None:
    given = request.headers.getall("Authorization", [])
    scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    return (token.strip() or None) if scheme.lower() == "bearer" else None
