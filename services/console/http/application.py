"""`application_from` serves the table of routes as an aiohttp application."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from aiohttp import web

from libs.contracts.errors import GatewayError, OperatorCode
from services.console.domain.documents import Document, Stream
from services.console.domain.fields import PRIVATE_PROVIDER_URLS_ALLOWED, PRIVATE_URLS_ALLOWED
from services.console.domain.pagination import QueryParams
from services.console.handlers.calls import Call
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
from services.console.http.requests import MAX_BODY, body_from, query_from
from services.console.http.responses import (
    add_headers,
    document_response,
    json_response,
    stream_response,
    view_response,
)
from services.console.http.route import Route
from services.console.http.routes import PREFIX
from services.console.http.uploads import MultipartFile
from services.console.ports import Authenticator, RejectionRecorder

LONGEST_ID = 64
OPENAPI_PATH = f"{PREFIX}/openapi.json"


def application_from(
    routes: Sequence[Route],
    authenticator: Authenticator,
    rejection_recorder: RejectionRecorder,
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
    for route in routes:
        app.router.add_route(route.method, PREFIX + route.path, _handler_of(route, context), name=route.name)
    document = cache(lambda: document_from(routes))

    async def openapi(_: web.Request) -> web.Response:
        return json_response(document())

    app.router.add_route("GET", OPENAPI_PATH, openapi, name="openapi")
    return app


def _handler_of(route: Route, context: dict[str, Any]) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        principal = principal_of(request)
        principal.require(route.role)
        ids = _ids_of(request)
        query = query_from(request, route.query or QueryParams)
        body = None if route.body is None else await body_from(request, route.body, context)
        file = MultipartFile(request) if route.takes_file else None
        answer = await route.operation(Call(principal, ids, None if route.query is None else query, body, file))
        if isinstance(answer, Stream):
            return await stream_response(request, answer)
        return document_response(answer) if isinstance(answer, Document) else view_response(answer.body, answer.status)

    return handler


def _ids_of(request: web.Request) -> dict[str, str]:
    ids = dict(request.match_info)
    if not all(len(id_) <= LONGEST_ID and id_.isascii() and id_.isprintable() for id_ in ids.values()):
        raise GatewayError(OperatorCode.NOT_FOUND)
    return ids
