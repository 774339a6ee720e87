"""Files of customers at the Cloud API: `GET /{media_id}` tells a URL for five minutes, which opens with the token.

Meta, "Media": an id of a webhook is known for seven days; a URL that answers 404 has ended, and a new one is asked for.
The token is sent to `MediaOptions.hosts` alone, over https, whatever the API tells or redirects to.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlsplit

import aiohttp
from yarl import URL

from libs.providers.cloud_api.responses import ERRORS, refusal_in
from libs.providers.errors import ErrorTable, Verdict
from libs.providers.http import HttpAnswer, fault_reason, fits_header, get_json
from libs.providers.json_values import dict_in, id_in
from libs.providers.media import (
    PIECE_BYTES,
    MediaBroken,
    MediaDescription,
    MediaFault,
    MediaStream,
    MediaWanted,
    NoMedia,
    digest_from,
)
from libs.providers.outcomes import Refused
from libs.providers.outgoing import NumberCredentials
from libs.providers.provider import MediaOptions

UNKNOWN_ID: Final = 100
"""Meta's code for an object that does not exist, or no longer."""
URLS: Final = 2
"""URLs that are tried."""
REDIRECTS: Final = 3
UNAVAILABLE: Final = NoMedia(MediaFault.UNAVAILABLE)
_REDIRECTING: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class _Located:
    """A file and where it is."""

    url: str
    description: MediaDescription


@dataclass(frozen=True, slots=True)
class CloudApiMedia:
    """Gets files with the number's token. Errors and reprs hold no tokens and no URLs."""

    options: MediaOptions
    errors: ErrorTable = ERRORS

    @asynccontextmanager
    async def open(self, number: NumberCredentials, wanted: MediaWanted) -> AsyncGenerator[MediaStream | NoMedia, None]:
        """As `libs.providers.media.MediaSource.open`."""
        async with AsyncExitStack() as responses:
            yield await self._stream(number, wanted, responses)

    async def _stream(
        self, number: NumberCredentials, wanted: MediaWanted, responses: AsyncExitStack
    ) -> MediaStream | NoMedia:
        for _ in range(URLS):
            found = await self._located(number, wanted)
            if isinstance(found, NoMedia):
                return found
            described = found.description
            if not wanted.head and (described.size or 0) > wanted.max_bytes:
                return NoMedia(MediaFault.TOO_LARGE, description=described)
            if wanted.head:
                return MediaStream(described, _nothing())
            response = await self._response(number, found.url, responses)
            if isinstance(response, NoMedia):
                return response
            if response.status != HTTPStatus.NOT_FOUND:
                return _stream_in(response, described, wanted)
        return UNAVAILABLE

    async def _located(self, number: NumberCredentials, wanted: MediaWanted) -> _Located | NoMedia:
        if not fits_header(number.access_token):
            return NoMedia(MediaFault.CREDENTIALS)
        base = (number.base_url or self.options.api_url).rstrip("/")
        path = f"{quote(wanted.media_id, safe='')}?phone_number_id={quote(number.phone_number_id, safe='')}"
        found = await get_json(
            self.options.session,
            f"{base}/{self.options.api_version}/{path}",
            headers={"Authorization": f"Bearer {number.access_token}"},
            outcome_from=_found_in,
            clock=self.options.clock,
            template="/{version}/{media_id}",
        )
        if isinstance(found, Refused):
            return self._without(found)
        return found if isinstance(found, _Located) else UNAVAILABLE

    def _without(self, refused: Refused) -> NoMedia:
        """What a refusal means for the file."""
        if refused.code == UNKNOWN_ID or (refused.code is None and refused.http_status == HTTPStatus.NOT_FOUND):
            return NoMedia(MediaFault.GONE, refused)
        if self.errors.classify(refused).verdict is Verdict.AUTH:
            return NoMedia(MediaFault.CREDENTIALS, refused)
        return NoMedia(MediaFault.UNAVAILABLE, refused)

    async def _response(
        self, number: NumberCredentials, url: str, responses: AsyncExitStack
    ) -> aiohttp.ClientResponse | NoMedia:
        """The answer of the file's address; redirects are followed within the allowed hosts."""
        headers = {"Authorization": f"Bearer {number.access_token}", "Accept": "*/*"}
        seconds = self.options.timeout_s
        timeout = aiohttp.ClientTimeout(total=None, connect=seconds, sock_read=seconds)
        try:
            target = URL(url)
            for _ in range(1 + REDIRECTS):
                if not self._is_allowed(target):
                    return UNAVAILABLE
                response = await responses.enter_async_context(
                    self.options.session.get(
                        target,
                        headers=headers,
                        timeout=timeout,
                        allow_redirects=False,
                        trace_request_ctx="/{media_url}",
                    )
                )
                if response.status not in _REDIRECTING:
                    return response
                target = target.join(URL(response.headers.get("Location", "")))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return UNAVAILABLE
        return UNAVAILABLE

    def _is_allowed(self, url: URL) -> bool:
        """Whether the token may be sent there. A deployment with a stand-in for the API has no https."""
        plain = urlsplit(self.options.api_url).scheme == "http"
        if url.user is not None or not (plain or (url.scheme == "https" and url.is_default_port())):
            return False
        host = (url.host or "").lower().rstrip(".")
        return any(
            host.endswith(each[1:]) and len(host) >= len(each) if each.startswith("*.") else host == each
            for each in self.options.hosts
        )


def _stream_in(
    response: aiohttp.ClientResponse, described: MediaDescription, wanted: MediaWanted
) -> MediaStream | NoMedia:
    """The file in an answer. Whatever else is answered, the API has just taken the token."""
    if response.status != HTTPStatus.OK or response.headers.get("Content-Encoding", "identity") != "identity":
        return UNAVAILABLE
    return MediaStream(described, _pieces(response, described.size, wanted.max_bytes))


def _found_in(answer: HttpAnswer) -> _Located | Refused | None:
    body = dict_in(answer.body)
    if (refused := refusal_in(answer, body.get("error"))) is not None:
        return refused
    if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
        server_error = answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return None if server_error else Refused(code=None, http_status=answer.status)
    url, size, mime_type = body.get("url"), _size_in(body.get("file_size")), body.get("mime_type")
    if not isinstance(url, str):
        return None
    return _Located(
        url,
        MediaDescription(
            mime_type=mime_type if isinstance(mime_type, str) else None,
            size=size,
            sha256=digest_from(id_in(body.get("sha256"))),
            exact=size is not None,
        ),
    )


def _size_in(value: object) -> int | None:
    """Bytes, as a number or as its digits."""
    text = str(value) if type(value) is int or isinstance(value, str) else ""
    return int(text[:18]) if text.isascii() and text.isdigit() else None


async def _pieces(response: aiohttp.ClientResponse, size: int | None, max_bytes: int) -> AsyncIterator[bytes]:
    """The file; MediaBroken when it is not as long as it was told, or longer than allowed."""
    received, limit = 0, max_bytes if size is None else size
    try:
        async for piece in response.content.iter_chunked(PIECE_BYTES):
            received += len(piece)
            if received > limit:
                raise MediaBroken("too_long")
            yield piece
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise MediaBroken(fault_reason(error)) from None
    if size is not None and received < size:
        raise MediaBroken("too_short")


async def _nothing() -> AsyncIterator[bytes]:
    """A file of which the description alone was wanted."""
    for piece in tuple[bytes, ...]():
        yield piece
