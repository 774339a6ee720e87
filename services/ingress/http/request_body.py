"""`read_body`: reads a request's body, up to a size limit and within a time limit."""

import asyncio
import hmac
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from aiohttp import web
from aiohttp.client_exceptions import ClientPayloadError
from aiohttp.http_exceptions import HttpProcessingError

from services.ingress.domain.media import MediaCutter

MAX_WITHOUT_MEDIA: Final = 4 * 1024 * 1024

# Raised by the stream when the client disconnects, or when its chunks or lengths are invalid.
READ_ERRORS = (ClientPayloadError, HttpProcessingError, ConnectionError, TimeoutError, EOFError)


class BodyState(Enum):
    """How the reading of a body ended."""

    COMPLETE = auto()
    TOO_LARGE = auto()
    INCOMPLETE = auto()


@dataclass(frozen=True, slots=True)
class RequestBody:
    """A body as far as it was read; empty when it was not kept."""

    state: BodyState
    body: bytes = field(default=b"", repr=False)
    limit: int = 0
    """The limit in bytes that a body that is too large exceeds."""


async def read_body(
    request: web.BaseRequest,
    *,
    limit: int,
    seconds: float,
    keep: bool = True,
    mac: hmac.HMAC | None = None,
    cutter: MediaCutter | None = None,
) -> RequestBody:
    """Read at most `limit` bytes within `seconds`, and feed them to `mac`.

    A body whose declared length exceeds the limit is not read. Without `keep` the bytes are counted and dropped, which
    saves the memory of bodies that are rejected anyway. With a `cutter` media is dropped, and `MAX_WITHOUT_MEDIA` is
    the limit for the rest.
    """
    if (request.content_length or 0) > limit:
        return RequestBody(BodyState.TOO_LARGE, limit=limit)
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    try:
        if cutter is None and request.content.is_eof():
            return _arrived(request.content.read_nowait(), limit, keep=keep, mac=mac)
        async with asyncio.timeout(seconds):
            if cutter is not None:
                return await _read_without_media(request, limit, cutter)
            return await _read(request, limit, keep=keep, mac=mac)
    except READ_ERRORS:
        return RequestBody(BodyState.INCOMPLETE)


def _arrived(whole: bytes, limit: int, *, keep: bool, mac: hmac.HMAC | None) -> RequestBody:
    """A body that has arrived whole, as bodies of one packet have: there is nothing to wait for."""
    if len(whole) > limit:
        return RequestBody(BodyState.TOO_LARGE, limit=limit)
    if mac is not None:
        mac.update(whole)
    return RequestBody(BodyState.COMPLETE, whole if keep else b"")


async def _read(request: web.BaseRequest, limit: int, *, keep: bool, mac: hmac.HMAC | None) -> RequestBody:
    chunks: list[bytes] = []
    received = 0
    while chunk := await request.content.readany():
        received += len(chunk)
        if received > limit:
            return RequestBody(BodyState.TOO_LARGE, limit=limit)
        if mac is not None:
            mac.update(chunk)
        if keep:
            chunks.append(chunk)
    return RequestBody(BodyState.COMPLETE, b"".join(chunks))


async def _read_without_media(request: web.BaseRequest, limit: int, cutter: MediaCutter) -> RequestBody:
    left = bytearray()
    received = 0
    while chunk := await request.content.readany():
        received += len(chunk)
        left += cutter.shortened(chunk)
        if received > limit or len(left) > MAX_WITHOUT_MEDIA:
            exceeded = limit if received > limit else MAX_WITHOUT_MEDIA
            return RequestBody(BodyState.TOO_LARGE, limit=exceeded)
    return RequestBody(BodyState.COMPLETE, bytes(left))
