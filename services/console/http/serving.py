"""The table of routes as an aiohttp application."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from aiohttp import web

from libs.contracts.errors import GatewayError, OperatorCode
from services.console.domain.documents import Document, Stream
from services.console.domain.fields import PRIVATE_ALLOWED, PRIVATE_PROVIDERS
from services.console.domain.paging import Params
from services.console.handlers.calling import Call
from services.console.http.answering import add_headers, answered, handed_out, json_response, streamed
from services.console.http.guarding import REJECTS, TOKENS, Handler, authenticate, count, principal_of, refuse
from services.console.http.openapi import document_from
from services.console.http.reading import MAX_BODY, body_of, query_of
from services.console.http.routes import PREFIX, Route
from services.console.ports import Rejects, Tokens

LONGEST_ID = 64
DOCUMENT = f"{PREFIX}/openapi.json"


def application_from(
    routes: Sequence[Route], tokens: Tokens, rejects: Rejects, *, private_allowed: bool, private_providers: bool
) -> web.Application:
    """Serve the routes, and the document that describes them."""
    app = web.Application(middlewares=[count, refuse, authenticate], client_max_size=MAX_BODY)
    app[TOKENS] = tokens
    app[REJECTS] = rejects
    app.on_response_prepare.append(add_headers)
    context = {PRIVATE_ALLOWED: private_allowed, PRIVATE_PROVIDERS: private_providers}
    for route in routes:
        app.router.add_route(route.method, PREFIX + route.path, _handler_of(route, context), name=route.name)
    document = cache(lambda: document_from(routes))

    async def openapi(_: web.Request) -> web.Response:
        return json_response(document())

    app.router.add_route("GET", DOCUMENT, openapi, name="openapi")
    return app


def _handler_of(route: Route, context: dict[str, Any]) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        principal = principal_of(request)
        principal.require(route.role)
        ids = _ids_of(request)
        query = query_of(request, route.query or Params)
        body = None if route.body is None else await body_of(request, route.body, context)
        answer = await route.operation(Call(principal, ids, None if route.query is None else query, body))
        if isinstance(answer, Stream):
            return await streamed(request, answer)
        return handed_out(answer) if isinstance(answer, Document) else answered(answer.body, answer.status)

    return handler


def _ids_of(request: web.Request) -> dict[str, str]:
    ids = dict(request.match_info)
    if not all(len(id_) <= LONGEST_ID and id_.isascii() and id_.isprintable() for id_ in ids.values()):
        raise GatewayError(OperatorCode.NOT_FOUND)
    return ids
