"""HTTP responses from views, documents, streams and refusals, with security headers for browsers."""

from typing import Any, Final

import orjson
from aiohttp import web
from pydantic import BaseModel

from libs.chassis.failures import failure_location
from libs.chassis.http_server import SOFTWARE
from libs.chassis.telemetry import logger
from libs.contracts.errors import GatewayError
from libs.contracts.results import failure_body
from services.console.domain.crm_template import XmlDocument
from services.console.domain.documents import Document, Stream

log = logger(__name__)
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def view_response(body: BaseModel, status: int) -> web.Response:
    """The response to a successful call: JSON, or XML for an `XmlDocument`."""
    if isinstance(body, XmlDocument):
        return web.Response(body=body.text.encode(), status=status, content_type="application/xml", charset="utf-8")
    content = body.model_dump_json(by_alias=True).encode()
    return web.Response(body=content, status=status, content_type="application/json")


def document_response(document: Document) -> web.Response:
    """A file; a browser may show it, and its Content-Security-Policy forbids it to load or run anything."""
    headers = {"Content-Type": document.media_type, "Content-Disposition": f'inline; filename="{document.name}"'}
    if document.content_security_policy is not None:
        headers["Content-Security-Policy"] = document.content_security_policy
    return web.Response(body=document.content, headers=headers)


async def stream_response(request: web.Request, stream: Stream) -> web.StreamResponse:
    """A file that is sent while it is made. A failure aborts the connection, which shows the file to be incomplete."""
    disposition = f'attachment; filename="{stream.name}"'
    response = web.StreamResponse(headers={"Content-Type": stream.media_type, "Content-Disposition": disposition})
    await response.prepare(request)
    try:
        async for part in stream.content:
            await response.write(part)
        await response.write_eof()
    except Exception as failure:  # noqa: BLE001 -- the response has begun
        log.warning("stream aborted", failure=type(failure).__name__, at=failure_location(failure))
        if request.transport is not None:
            request.transport.abort()
    return response


def refusal_response(error: GatewayError, **headers: str) -> web.Response:
    """The response to a refused or failed call, in the error shape of the whole gateway."""
    status, body = failure_body(error.code, details=error.details)
    retry_after = error.details.get("retry_after")
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return json_response(body, status, **headers)


def json_response(body: dict[str, Any], status: int = 200, **headers: str) -> web.Response:
    """A JSON response."""
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json", headers=headers)


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Set the security headers of every response; its `Server` is the gateway, and nothing below it."""
    response.headers["Server"] = SOFTWARE
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
