"""`respond_with_fault`: answers late, broken or never. Only this module closes a request's connection."""

import asyncio
import socket
import struct
from typing import Any, Final

import orjson
from aiohttp import web

from tools.simulator.faults import Fault
from tools.simulator.meta_errors import error_from

_CHECK_S: Final = 0.5  # seconds between checks whether a hanging request's client has disconnected
_PAGE: Final = "<!DOCTYPE html><html><body>Sorry, something went wrong.</body></html>"
_SLICES: Final = 10


def json_answer(body: bytes, *, status: int = 200, retry_after: float | None = None) -> web.Response:
    """An answer with Meta's content type."""
    headers = {"Content-Type": "application/json; charset=UTF-8"}
    if retry_after is not None:
        headers["Retry-After"] = f"{retry_after:g}"
    return web.Response(body=body, status=status, headers=headers)


def control_answer(answer: Any, *, status: int = 200) -> web.Response:
    """An answer of the control API."""
    return web.Response(body=orjson.dumps(answer), status=status, content_type="application/json")


async def respond_with_fault(
    request: web.Request, fault: Fault, answer: web.Response, *, fbtrace_id: str, released: asyncio.Event
) -> web.StreamResponse:
    """Apply the fault; `answer` is the answer without it."""
    if fault.kind in {"error", "throttle"}:
        error = error_from(fault.code, fault.details, status=fault.http_status)
        return json_answer(error.envelope(fbtrace_id), status=error.status, retry_after=fault.retry_after)
    if fault.kind == "http_status":
        headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
        status = fault.http_status or 503
        return web.Response(text=_PAGE, status=status, content_type="text/html", headers=headers)
    if fault.kind == "garbage":
        return web.Response(text=_PAGE, content_type="text/html")
    if fault.kind == "late":
        await asyncio.sleep(fault.seconds)
        return answer
    if fault.kind in {"slow_body", "truncated"}:
        return await _in_slices(request, fault, answer)
    if fault.kind in {"hang", "drop_before", "drop_after"}:
        if fault.kind == "hang":
            await _hang(request, released)
        _close_connection(request, reset=fault.kind == "drop_after")
    return answer


async def _hang(request: web.Request, released: asyncio.Event) -> None:
    while request.transport is not None and not request.transport.is_closing() and not released.is_set():
        try:
            await asyncio.wait_for(released.wait(), _CHECK_S)
        except TimeoutError:
            continue


def _close_connection(request: web.Request, *, reset: bool) -> None:
    """Close the connection without an answer; with `reset` by a TCP reset."""
    transport = request.transport
    if transport is None:
        return
    connection: socket.socket | None = transport.get_extra_info("socket")
    if reset and connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _in_slices(request: web.Request, fault: Fault, answer: web.Response) -> web.StreamResponse:
    body = answer.body if isinstance(answer.body, bytes) else b""
    stream = web.StreamResponse(status=answer.status, headers={"Content-Type": "application/json"})
    stream.content_length = len(body)
    await stream.prepare(request)
    if fault.kind == "truncated":
        await stream.write(body[: len(body) // 2])
        if request.transport is not None:
            request.transport.close()
        return stream
    size = max(len(body) // _SLICES, 1)
    for start in range(0, len(body), size):
        await asyncio.sleep(fault.seconds / _SLICES)
        await stream.write(body[start : start + size])
    return stream
