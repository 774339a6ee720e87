"""What every request passes: it is counted, a failure becomes a refusal, and nobody comes in without a token."""

import time
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from libs.chassis.telemetry import logger, span
from libs.contracts.errors import GatewayError, OperatorCode, unavailable
from services.console import metrics
from services.console.domain.principals import Principal, Stranger
from services.console.http.answering import refused
from services.console.ports import Rejects, Tokens

log = logger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
TOKENS: Final = web.AppKey("tokens", Tokens)
REJECTS: Final[web.AppKey[Rejects]] = web.AppKey("rejects")
_PRINCIPAL: Final = web.RequestKey("principal", Principal)
_UNKNOWN: Final = "unknown"


@web.middleware
async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count and time every call by its route's name."""
    operation = request.match_info.route.name or _UNKNOWN
    begun = time.perf_counter()
    with span(f"console {operation}", request.headers):
        response = await handler(request)
    metrics.CALLS.labels(operation, response.status).inc()
    metrics.CALL_SECONDS.labels(operation).observe(time.perf_counter() - begun)
    return response


@web.middleware
async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Make a refusal of whatever goes wrong, in the one shape."""
    try:
        return await handler(request)
    except GatewayError as error:
        headers = {"WWW-Authenticate": "Bearer"} if error.code is OperatorCode.UNAUTHORIZED else {}
        return refused(error, **headers)
    except web.HTTPMethodNotAllowed as error:
        return refused(GatewayError(OperatorCode.METHOD_NOT_ALLOWED), Allow=", ".join(sorted(error.allowed_methods)))
    except web.HTTPException:
        return refused(GatewayError(OperatorCode.NOT_FOUND))
    except Exception as error:  # noqa: BLE001 -- the last resort: the caller gets an answer, the log the defect's place
        # No traceback: its text may hold a person's words.
        log.error("defect", kind=type(error).__name__, where=_where(error))  # noqa: TRY400
        return refused(unavailable("console"))


@web.middleware
async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let in who holds a token; addresses that nobody serves are told to those alone."""
    who = await request.app[TOKENS].principal(_token_in(request))
    if isinstance(who, Stranger):
        operation = request.match_info.route.name or _UNKNOWN
        metrics.REFUSED_TOKENS.inc()
        log.warning("token refused", operation=operation, reason=who.fault.value)
        await request.app[REJECTS](who, request.remote or _UNKNOWN, operation)
        raise GatewayError(OperatorCode.UNAUTHORIZED)
    request[_PRINCIPAL] = who
    return await handler(request)


def principal_of(request: web.Request) -> Principal:
    """Who is calling; `authenticate` has let them in."""
    return request[_PRINCIPAL]


def _token_in(request: web.Request) -> str | None:
    given = request.headers.getall("Authorization", [])
    scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    return (token.strip() or None) if scheme.lower() == "bearer" else None


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "unknown" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
