"""From an answer or a refusal to a response: one JSON shape, and headers that tell browsers to be careful."""

from typing import Any, Final

import orjson
from aiohttp import web
from pydantic import BaseModel

from libs.contracts.errors import GatewayError
from libs.contracts.results import failure_body
from services.console.domain.crm_template import XmlDocument

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def answered(body: BaseModel, status: int) -> web.Response:
    """The response to a call that went well."""
    if isinstance(body, XmlDocument):
        return web.Response(body=body.text.encode(), status=status, content_type="application/xml", charset="utf-8")
    return web.Response(body=body.model_dump_json().encode(), status=status, content_type="application/json")


def refused(error: GatewayError, **headers: str) -> web.Response:
    """The response to a call that did not, in the error shape of the whole gateway."""
    status, body = failure_body(error.code, details=error.details)
    retry_after = error.details.get("retry_after")
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return json_response(body, status, **headers)


def json_response(body: dict[str, Any], status: int = 200, **headers: str) -> web.Response:
    """Any JSON."""
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json", headers=headers)


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Finish every response, errors of the framework's own included; which server this is stays unsaid."""
    response.headers.pop("Server", None)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
