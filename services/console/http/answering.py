"""From an answer or a refusal to a response: one JSON shape, and headers that tell browsers to be careful."""

from typing import Any, Final

import orjson
from aiohttp import web
from pydantic import BaseModel

from libs.chassis.failures import where
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


def answered(body: BaseModel, status: int) -> web.Response:
    """The response to a call that went well."""
    if isinstance(body, XmlDocument):
        return web.Response(body=body.text.encode(), status=status, content_type="application/xml", charset="utf-8")
    told = body.model_dump_json(by_alias=True).encode()
    return web.Response(body=told, status=status, content_type="application/json")


def handed_out(document: Document) -> web.Response:
    """A file to keep; a browser may show it, and nothing in it may load or run anything."""
    headers = {"Content-Type": document.media_type, "Content-Disposition": f'inline; filename="{document.name}"'}
    if document.policy is not None:
        headers["Content-Security-Policy"] = document.policy
    return web.Response(body=document.content, headers=headers)


async def streamed(request: web.Request, stream: Stream) -> web.StreamResponse:
    """A file that is sent while it is made. When it breaks off so does the connection: the caller must see that."""
    disposition = f'attachment; filename="{stream.name}"'
    response = web.StreamResponse(headers={"Content-Type": stream.media_type, "Content-Disposition": disposition})
    await response.prepare(request)
    try:
        async for part in stream.content:
            await response.write(part)
        await response.write_eof()
    except Exception as failure:  # noqa: BLE001 -- a second answer cannot be given
        log.warning("stream broke off", failure=type(failure).__name__, at=where(failure))
        if request.transport is not None:
            request.transport.abort()
    return response


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
