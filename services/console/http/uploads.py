"""`MultipartFile`: the part `file` of a multipart request, read piece by piece and never held as a whole."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from aiohttp import BodyPartReader, ClientPayloadError, web
from aiohttp.http_exceptions import HttpProcessingError

from services.console.http.requests import invalid_json

PIECE: Final = 64 * 1024
SECONDS: Final = 60.0
"""How long the file may take to arrive."""
_BROKEN = (ClientPayloadError, HttpProcessingError, ConnectionError, TimeoutError, EOFError, ValueError)


@dataclass(frozen=True, slots=True)
class MultipartFile:
    """`services.console.handlers.calls.UploadedFile` of a request."""

    request: web.Request

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes of the part named `file`. Raises GatewayError(invalid_json) for any other form."""
        if self.request.content_type != "multipart/form-data":
            raise invalid_json("Content-Type", "must be multipart/form-data")
        try:
            async with asyncio.timeout(SECONDS):
                async for part in await self.request.multipart():
                    if isinstance(part, BodyPartReader) and part.name == "file":
                        while piece := await part.read_chunk(PIECE):
                            yield piece
                        return
        except _BROKEN:
            raise invalid_json("body", "did not arrive whole") from None
        raise invalid_json("file", "is missing: send the file as the part `file`")
