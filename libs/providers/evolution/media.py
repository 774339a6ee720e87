"""Files of customers at Evolution: `POST {base_url}/chat/getBase64FromMediaMessage/{instance}` (2.3.6).

The answer is a JSON object with the file in base64. It is decoded while it arrives and never held as a whole.
"""

import base64
import binascii
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import aiohttp

from libs.providers.errors import ErrorTable, Verdict
from libs.providers.evolution.responses import ERRORS
from libs.providers.http import fault_reason, fits_header
from libs.providers.json_values import Json, dict_in, json_in
from libs.providers.media import (
    PIECE_BYTES,
    MediaBroken,
    MediaDescription,
    MediaFault,
    MediaStream,
    MediaWanted,
    NoMedia,
)
from libs.providers.outcomes import Refused
from libs.providers.outgoing import NumberCredentials
from libs.providers.provider import MediaOptions

MAX_HEAD: Final = 128 * 1024
"""Bytes of the answer before the file: its name, its caption and its type."""
UNAVAILABLE: Final = NoMedia(MediaFault.UNAVAILABLE)
_FILE: Final = re.compile(rb'"base64"\s*:\s*"')
"""Where the file begins. Within a JSON text a quotation mark is escaped, so no caption looks like this."""
_QUANTUM: Final = 4


@dataclass(frozen=True, slots=True)
class EvolutionMedia:
    """Gets files only from addresses that the deployment allows. Errors and reprs hold no keys."""

    options: MediaOptions
    errors: ErrorTable = ERRORS

    @asynccontextmanager
    async def open(self, number: NumberCredentials, wanted: MediaWanted) -> AsyncGenerator[MediaStream | NoMedia, None]:
        """As `libs.providers.media.MediaSource.open`."""
        async with AsyncExitStack() as responses:
            refused = self.options.addresses.problem_with(number.base_url or "") is not None
            yield UNAVAILABLE if refused else await self._stream(number, wanted, responses)

    async def _stream(
        self, number: NumberCredentials, wanted: MediaWanted, responses: AsyncExitStack
    ) -> MediaStream | NoMedia:
        if not fits_header(number.access_token):
            return NoMedia(MediaFault.CREDENTIALS)
        try:
            response = await responses.enter_async_context(self._call(number, wanted))
            if response.status >= HTTPStatus.MULTIPLE_CHOICES:
                return self._without(response.status)
            pieces = response.content.iter_chunked(PIECE_BYTES)
            head, rest = await _head_of(pieces)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return UNAVAILABLE
        described = _description_in(head)
        if not wanted.head and (described.size or 0) > wanted.max_bytes:
            return NoMedia(MediaFault.TOO_LARGE, description=described)
        return MediaStream(described, decoded(rest, pieces, max_bytes=wanted.max_bytes))

    def _call(self, number: NumberCredentials, wanted: MediaWanted) -> Any:
        seconds = self.options.timeout_s
        instance = quote(number.phone_number_id, safe="")
        return self.options.guarded_session.post(
            f"{(number.base_url or '').rstrip('/')}/chat/getBase64FromMediaMessage/{instance}",
            json={"message": {"key": {"id": wanted.message_id}}, "convertToMp4": False},
            headers={"apikey": number.access_token, "Content-Type": "application/json"},
            timeout=aiohttp.ClientTimeout(total=None, connect=seconds, sock_read=seconds),
            allow_redirects=False,
            trace_request_ctx="/chat/getBase64FromMediaMessage/{instance}",
        )

    def _without(self, status: int) -> NoMedia:
        """What a refusal means: 400 is the answer for a message that the server does not know, or no longer."""
        refused = Refused(code=None, http_status=status)
        if status == HTTPStatus.BAD_REQUEST:
            return NoMedia(MediaFault.GONE, refused)
        if self.errors.classify(refused).verdict is Verdict.AUTH:
            return NoMedia(MediaFault.CREDENTIALS, refused)
        return NoMedia(MediaFault.UNAVAILABLE, refused)


async def _head_of(pieces: AsyncIterator[bytes]) -> tuple[Json, bytes]:
    """The fields before the file, and what arrived of the file. Raises ValueError where there is no file."""
    read = bytearray()
    async for piece in pieces:
        read += piece
        if (begins := _FILE.search(read)) is not None:
            fields = bytes(read[: begins.start()]).rstrip().rstrip(b",")
            return dict_in(json_in(fields + b"}")), bytes(read[begins.end() :])
        if len(read) > MAX_HEAD:
            break
    raise ValueError("no file")


def _description_in(head: Json) -> MediaDescription:
    mime_type, size = head.get("mimetype"), str(dict_in(head.get("size")).get("fileLength", ""))
    return MediaDescription(
        mime_type=mime_type if isinstance(mime_type, str) else None,
        size=int(size[:18]) if size.isascii() and size.isdigit() else None,
    )


async def decoded(rest: bytes, pieces: AsyncIterator[bytes], *, max_bytes: int) -> AsyncIterator[bytes]:
    """The file; MediaBroken when it has no end, is no base64, or is longer than allowed, before more is decoded."""
    received, waiting, ended = 0, rest, False
    try:
        while not ended:
            text, quote_mark, _ = waiting.replace(b"\\", b"").partition(b'"')
            ended = bool(quote_mark)
            ready = text if ended else text[: len(text) - len(text) % _QUANTUM]
            waiting = text[len(ready) :]
            received += len(ready) * 3 // 4
            if received > max_bytes + 2:  # the padding
                raise MediaBroken("too_long")
            if ready:
                yield base64.b64decode(ready, validate=True)
            if not ended:
                waiting += await anext(pieces)
    except StopAsyncIteration:
        raise MediaBroken("too_short") from None
    except binascii.Error:
        raise MediaBroken("unreadable") from None
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise MediaBroken(fault_reason(error)) from None
