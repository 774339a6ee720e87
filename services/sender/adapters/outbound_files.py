"""`MediaFiles`: gets the file of a message from its address or an upload, into a file without a name or as a stream.

The rule: every address that is dialled is checked, after each redirect too, and nothing is read beyond the limit. The
temporary file has no name, so that it is gone with its last reader, also when the process is killed.
"""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import BinaryIO, Final
from urllib.parse import urljoin

import aiohttp

from libs.chassis.clock import Clock
from libs.chassis.spans import Kind, span
from libs.contracts.content import MediaRequest
from libs.contracts.errors import ErrorCode
from libs.contracts.media_types import LIMITS
from libs.providers.http import fault_reason
from libs.store.sealer import CannotOpen, Sealer
from libs.store.uploads import Upload, Uploads
from services.sender.adapters.forward_client import AddressLimits
from services.sender.domain.outbound_files import NoFile

FETCH_S: Final = 15.0
"""Seconds for one file, all redirects included."""
STREAMED: Final = aiohttp.ClientTimeout(total=None, connect=5.0, sock_read=FETCH_S)
"""While a file is passed on, its receiver sets the pace; each wait for its bytes is limited."""
PIECE_BYTES: Final = 256 * 1024
MAX_REDIRECTS: Final = 3
_REDIRECTING: Final = frozenset({301, 302, 303, 307, 308})
_REASONS: Final = {"timeout": "timeout", "connect_timeout": "timeout", "address_refused": "address_refused"}


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A file, and the type that its sender declared; whoever has it closes it."""

    file: BinaryIO = field(repr=False)
    declared: str | None = None


@dataclass(frozen=True, slots=True)
class MediaFiles:
    """Fetches over `session`, which checks each address by `limits`. Raises nothing but cancellation and for stores."""

    session: aiohttp.ClientSession
    limits: AddressLimits
    uploads: Uploads
    sealer: Sealer = field(repr=False)
    clock: Clock
    fetch_s: float = FETCH_S

    async def get(self, media: MediaRequest, account_id: str) -> FetchedFile | NoFile:
        """The file. Raises GatewayError(gateway_unavailable) when the store cannot be read."""
        if media.url is None:
            return await self._from_upload(media.upload_id or "", account_id)
        with span("GET", Kind.CLIENT) as call:
            found = await self._from_url(media.url, LIMITS[media.kind].max_bytes)
            if isinstance(found, NoFile):
                call.fail(found.reason)
        return found

    @asynccontextmanager
    async def stream(self, media: MediaRequest, account_id: str) -> AsyncGenerator[AsyncIterator[bytes] | NoFile, None]:
        """The file piece by piece, while the block runs; nothing of it is kept and its size is not limited.

        Raises GatewayError(gateway_unavailable) when the store cannot be read. The pieces raise what aiohttp raises,
        and CannotOpen.
        """
        if media.url is None:
            upload = await self._upload(media.upload_id or "", account_id)
            yield upload if isinstance(upload, NoFile) else self._pieces(upload.id)
            return
        async with self._followed(media.url, STREAMED) as found:
            yield found if isinstance(found, NoFile) else found.content.iter_chunked(PIECE_BYTES)

    async def delete(self, media: MediaRequest) -> None:
        """The message is done: an upload's content is deleted. Safe to repeat."""
        if media.upload_id is not None:
            await self.uploads.delete(media.upload_id)

    async def _from_url(self, url: str, limit: int) -> FetchedFile | NoFile:
        file = tempfile.TemporaryFile()  # noqa: SIM115 -- the caller closes it
        done = False
        try:
            async with asyncio.timeout(self.fetch_s):
                found = await self._copy(url, file, limit)
            done = not isinstance(found, NoFile)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return NoFile(_reason_of(error))
        else:
            return found
        finally:
            if not done:
                file.close()

    async def _copy(self, url: str, file: BinaryIO, limit: int) -> FetchedFile | NoFile:
        async with self._followed(url, self.session.timeout) as found:
            if isinstance(found, NoFile):
                return found
            if (found.content_length or 0) > limit:
                return NoFile("too_large")
            whole = await _copied(found.content.iter_chunked(PIECE_BYTES), file, limit)
            return FetchedFile(file, found.headers.get("Content-Type")) if whole else NoFile("too_large")

    @asynccontextmanager
    async def _followed(
        self, url: str, limits: aiohttp.ClientTimeout
    ) -> AsyncGenerator[aiohttp.ClientResponse | NoFile, None]:
        """The answer at the end of the redirects; each address is checked."""
        for _ in range(MAX_REDIRECTS + 1):
            problem = self.limits.problem_with(url)
            if problem is not None:
                yield NoFile(problem)
                return
            async with self.session.get(
                url, allow_redirects=False, trace_request_ctx="/media", timeout=limits
            ) as response:
                if response.status in _REDIRECTING and (target := response.headers.get("Location")):
                    url = urljoin(url, target)
                    continue
                if response.status == HTTPStatus.OK:
                    yield response
                else:
                    yield NoFile("not_found" if response.status == HTTPStatus.NOT_FOUND else "http_error")
                return
        yield NoFile("too_many_redirects")

    async def _upload(self, upload_id: str, account_id: str) -> Upload | NoFile:
        """The upload; another account's one does not exist."""
        upload = await self.uploads.find(upload_id)
        if upload is None or upload.account_id != account_id or not upload.complete:
            return NoFile("unknown_upload")
        return NoFile("upload_ended", ErrorCode.MEDIA_EXPIRED) if upload.ended_at(self.clock()) else upload

    async def _from_upload(self, upload_id: str, account_id: str) -> FetchedFile | NoFile:
        upload = await self._upload(upload_id, account_id)
        if isinstance(upload, NoFile):
            return upload
        file = tempfile.TemporaryFile()  # noqa: SIM115 -- the caller closes it
        done = False
        try:
            done = await _copied(self._pieces(upload_id), file, upload.bytes) and file.tell() == upload.bytes
        except CannotOpen:
            return NoFile("upload_unreadable")
        finally:
            if not done:
                file.close()
        return FetchedFile(file) if done else NoFile("upload_ended", ErrorCode.MEDIA_EXPIRED)

    async def _pieces(self, upload_id: str) -> AsyncIterator[bytes]:
        position = 0
        while (sealed := await self.uploads.chunk(upload_id, position)) is not None:
            yield self.sealer.open_bytes(sealed, owner=upload_id, field_name=f"chunk {position}")
            position += 1


async def _copied(pieces: AsyncIterator[bytes], file: BinaryIO, limit: int) -> bool:
    """Write the pieces; False as soon as they exceed the limit."""
    size = 0
    async for piece in pieces:
        size += len(piece)
        if size > limit:
            return False
        await asyncio.to_thread(file.write, piece)
    return True


def _reason_of(error: Exception) -> str:
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return "invalid_url"
    return _REASONS.get(fault_reason(error), "unreachable")
