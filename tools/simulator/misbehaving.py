"""Answers as a fault says: late, broken or never; the only module that touches a request's connection."""

import asyncio
import socket
import struct
from typing import Final

from aiohttp import web

from tools.simulator.faults import Fault
from tools.simulator.meta_errors import error_from

_LOOK_EVERY: Final = 0.5  # seconds between looks whether a hanging caller has gone
_PAGE: Final = "<!DOCTYPE html><html><body>Sorry, something went wrong.</body></html>"
_SLICES: Final = 10


def json_answer(body: bytes, *, status: int = 200, retry_after: float | None = None) -> web.Response:
    """An answer in Meta's content type."""
    headers = {"Content-Type": "application/json; charset=UTF-8"}
    if retry_after is not None:
        headers["Retry-After"] = f"{retry_after:g}"
    return web.Response(body=body, status=status, headers=headers)


async def misbehave(
    request: web.Request,
    fault: Fault,
    answer: web.Response,
    *,
    fbtrace_id: str,
    released: asyncio.Event,
) -> web.StreamResponse:
    """Do what the fault says; `answer` is what a healthy WhatsApp would have said to this request."""
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
        _cut(request, reset=fault.kind == "drop_after")
    return answer


async def _hang(request: web.Request, released: asyncio.Event) -> None:
    while request.transport is not None and not request.transport.is_closing() and not released.is_set():
        try:
            await asyncio.wait_for(released.wait(), _LOOK_EVERY)
        except TimeoutError:
            continue


def _cut(request: web.Request, *, reset: bool) -> None:
    """Close the line without an answer; with `reset` the peer gets a TCP reset instead of an end."""
    transport = request.transport
    if transport is None:
        return
    line: socket.socket | None = transport.get_extra_info("socket")
    if reset and line is not None:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
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
