"""`MediaFiles`: gets the file of a message from its address, or from an upload, into a file without a name.

The rule: every address that is dialled is checked, after each redirect too, and nothing is read beyond the limit. The
temporary file has no name, so that it is gone with its last reader, also when the process is killed.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
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
from libs.store.uploads import Uploads
from services.sender.adapters.forward_client import AddressLimits
from services.sender.domain.outbound_files import NoFile

FETCH_S: Final = 15.0
"""Seconds for one file, all redirects included."""
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

    async def delete(self, media: MediaRequest) -> None:
        """The message is done: an upload's content is deleted. Safe to repeat."""
        if media.upload_id is not None:
            await self.uploads.delete(media.upload_id)

    async def _from_url(self, url: str, limit: int) -> FetchedFile | NoFile:
        file = tempfile.TemporaryFile()  # noqa: SIM115 -- the caller closes it
        done = False
        try:
            async with asyncio.timeout(self.fetch_s):
                found = await self._follow(url, file, limit)
            done = not isinstance(found, NoFile)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return NoFile(_reason_of(error))
        else:
            return found
        finally:
            if not done:
                file.close()

    async def _follow(self, url: str, file: BinaryIO, limit: int) -> FetchedFile | NoFile:
        for _ in range(MAX_REDIRECTS + 1):
            problem = self.limits.problem_with(url)
            if problem is not None:
                return NoFile(problem)
            async with self.session.get(url, allow_redirects=False, trace_request_ctx="/media") as response:
                if response.status in _REDIRECTING and (target := response.headers.get("Location")):
                    url = urljoin(url, target)
                    continue
                if response.status != HTTPStatus.OK:
                    return NoFile("not_found" if response.status == HTTPStatus.NOT_FOUND else "http_error")
                if (response.content_length or 0) > limit:
                    return NoFile("too_large")
                whole = await _copied(response.content.iter_chunked(256 * 1024), file, limit)
                return FetchedFile(file, response.headers.get("Content-Type")) if whole else NoFile("too_large")
        return NoFile("too_many_redirects")

    async def _from_upload(self, upload_id: str, account_id: str) -> FetchedFile | NoFile:
        """The upload's file; another account's upload is one that does not exist."""
        upload = await self.uploads.find(upload_id)
        if upload is None or upload.account_id != account_id or not upload.complete:
            return NoFile("unknown_upload")
        if upload.ended_at(self.clock()):
            return NoFile("upload_ended", ErrorCode.MEDIA_EXPIRED)
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
