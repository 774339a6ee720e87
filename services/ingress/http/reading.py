"""Reading a request: its body up to a limit and no longer than a time, its headers as often as they were sent."""

import asyncio
import hmac
from dataclasses import dataclass, field
from enum import Enum, auto

from aiohttp import web
from aiohttp.client_exceptions import ClientPayloadError
from aiohttp.http_exceptions import HttpProcessingError

# What the stream raises when the client goes away, or its chunks or lengths make no sense.
BROKEN = (ClientPayloadError, HttpProcessingError, ConnectionError, TimeoutError, EOFError)


class State(Enum):
    """How the reading of a body ended."""

    WHOLE = auto()
    TOO_LARGE = auto()
    BROKEN = auto()


@dataclass(frozen=True, slots=True)
class Reading:
    """A body as far as it was read; without `keep` its bytes are counted and let go."""

    state: State
    body: bytes = field(default=b"", repr=False)


async def read_body(
    request: web.BaseRequest, *, limit: int, seconds: float, keep: bool = True, mac: hmac.HMAC | None = None
) -> Reading:
    """Read at most `limit` bytes within `seconds`, feeding `mac` on the way.

    A body that is declared too long is not read at all. Nobody's answer depends on `keep`: it only spares the memory
    that strangers' bodies would take.
    """
    if (request.content_length or 0) > limit:
        return Reading(State.TOO_LARGE)
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    try:
        async with asyncio.timeout(seconds):
            return await _read(request, limit, keep=keep, mac=mac)
    except BROKEN:
        return Reading(State.BROKEN)


async def _read(request: web.BaseRequest, limit: int, *, keep: bool, mac: hmac.HMAC | None) -> Reading:
    kept: list[bytes] = []
    received = 0
    while chunk := await request.content.readany():
        received += len(chunk)
        if received > limit:
            return Reading(State.TOO_LARGE)
        if mac is not None:
            mac.update(chunk)
        if keep:
            kept.append(chunk)
    return Reading(State.WHOLE, b"".join(kept))
