"""`application_from` serves the table of routes as an aiohttp application."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from aiohttp import web

from libs.contracts.errors import GatewayError, OperatorCode
from services.console.domain.documents import Document, Stream
from services.console.domain.fields import PRIVATE_PROVIDER_URLS_ALLOWED, PRIVATE_URLS_ALLOWED
from services.console.domain.pagination import QueryParams
from services.console.handlers.calls import Answer, Call
from services.console.http.access import AccessControl, Filters
from services.console.http.middleware import (
    AUTHENTICATOR,
    REJECTION_RECORDER,
    Handler,
    answer_errors,
    authenticate,
    measure,
    principal_of,
)
from services.console.http.openapi import document_from
from services.console.http.patterns import patterns_of
from services.console.http.requests import MAX_BODY, body_from, idempotency_key_from, query_from
from services.console.http.responses import (
    add_headers,
    document_response,
    json_response,
    stream_response,
    view_response,
)
from services.console.http.route import Route
from services.console.http.routes.table import PREFIX
from services.console.http.uploads import MultipartFile, RowsBody
from services.console.ports import Authenticator, RejectionRecorder

LONGEST_ID = 64
OPENAPI_PATH = f"{PREFIX}/openapi.json"


def application_from(
    routes: Sequence[Route],
    authenticator: Authenticator,
    rejection_recorder: RejectionRecorder,
    access: AccessControl,
    *,
    private_allowed: bool,
    private_providers: bool,
) -> web.Application:
    """Serve the routes and their OpenAPI document."""
    app = web.Application(middlewares=[measure, answer_errors, authenticate], client_max_size=MAX_BODY)
    app[AUTHENTICATOR] = authenticator
    app[REJECTION_RECORDER] = rejection_recorder
    app.on_response_prepare.append(add_headers)
    context = {PRIVATE_URLS_ALLOWED: private_allowed, PRIVATE_PROVIDER_URLS_ALLOWED: private_providers}
    patterns = patterns_of({route.path for route in routes})
    for route in routes:
        handler = _handler_of(route, context, access)
        app.router.add_route(route.method, PREFIX + patterns[route.path], handler, name=route.name)
    document = cache(lambda: document_from(routes))

    async def openapi(_: web.Request) -> web.Response:
        return json_response(document())

    app.router.add_route("GET", OPENAPI_PATH, openapi, name="openapi")
    return app


def _handler_of(route: Route, context: dict[str, Any], access: AccessControl) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        principal, filters = principal_of(request), Filters()
        try:
            answer = await _answer(request, route, context, access, filters)
        except GatewayError as refusal:
            await access.refused(principal, route, refusal, filters)
            raise
        if isinstance(answer, Stream):
            return await stream_response(request, answer)
        return document_response(answer) if isinstance(answer, Document) else view_response(answer.body, answer.status)

    return handler


async def _answer(
    request: web.Request, route: Route, context: dict[str, Any], access: AccessControl, filters: Filters
) -> Answer | Document | Stream:
    """Make the call, and record what it reads before anybody receives it."""
    principal = principal_of(request)
    principal.require(route.role)
    ids = _ids_of(request)
    query = query_from(request, route.query or QueryParams)
    body = None if route.body is None else await body_from(request, route.body, context)
    file = MultipartFile(request) if route.takes_file else None
    key = None if route.requests is None else idempotency_key_from(request)
    rows = RowsBody(request) if route.takes_rows else None
    call = Call(principal, ids, None if route.query is None else query, body, file, rows, key)
    filters.set(query, body)
    await access.admit(call, route, filters)
    answer = await route.operation(call)
    if not isinstance(answer, Document):
        await access.answered(call, route, answer, filters)
    return answer


def _ids_of(request: web.Request) -> dict[str, str]:
    ids = dict(request.match_info)
    if not all(len(id_) <= LONGEST_ID and id_.isascii() and id_.isprintable() for id_ in ids.values()):
        raise GatewayError(OperatorCode.NOT_FOUND)
    return ids
