"""`MultipartFile` and `RowsBody`: files in requests, read piece by piece and never held as a whole."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from aiohttp import BodyPartReader, ClientPayloadError, web
from aiohttp.http_exceptions import HttpProcessingError

from services.console.domain.import_rows import CSV, NDJSON
from services.console.http.requests import invalid_json

PIECE: Final = 64 * 1024
SECONDS: Final = 60.0
"""How long the file may take to arrive."""
ROWS_SECONDS: Final = 600.0
"""How long a file of rows may take: half a gigabyte at 1 MB a second."""
ROW_TYPES: Final = (CSV, NDJSON)
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


@dataclass(frozen=True, slots=True)
class RowsBody:
    """`services.console.handlers.calls.RowsFile` of a request."""

    request: web.Request

    @property
    def media_type(self) -> str:
        """The type of the body. Raises GatewayError(invalid_json) for one that has no rows."""
        if self.request.content_type not in ROW_TYPES:
            raise invalid_json("Content-Type", f"must be {' or '.join(ROW_TYPES)}")
        if "Content-Encoding" in self.request.headers:
            raise invalid_json("Content-Encoding", "is not supported")
        return self.request.content_type

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes of the body. Raises GatewayError(invalid_json) for one that breaks off."""
        self.media_type  # noqa: B018 -- refuses a body of another type before it is read
        try:
            async with asyncio.timeout(ROWS_SECONDS):
                async for piece in self.request.content.iter_chunked(PIECE):
                    yield piece
        except _BROKEN:
            raise invalid_json("body", "did not arrive whole") from None
