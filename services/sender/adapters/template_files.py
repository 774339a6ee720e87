"""`TemplateFiles`: passes the file of a template on to WhatsApp, from its address or from an upload.

The rule: nothing of it is kept, and who reads it compares it with the file that was checked.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import aiohttp

from libs.contracts.content import MediaKind, MediaRequest
from libs.providers.http import fault_reason
from libs.providers.media import MediaBroken, MediaDescription, MediaFault, MediaStream, NoMedia
from libs.store.sealer import CannotOpen
from services.sender.adapters.outbound_files import MediaFiles
from services.sender.domain.media_tokens import MediaClaims
from services.sender.domain.outbound_files import NoFile

_GONE = frozenset({"not_found", "unknown_upload", "upload_ended"})


@dataclass(frozen=True, slots=True)
class TemplateFiles:
    """Reads through `files`, which checks every address that is dialled."""

    files: MediaFiles

    @asynccontextmanager
    async def open(self, claims: MediaClaims, *, head: bool) -> AsyncGenerator[MediaStream | NoMedia, None]:
        """The file of a link, as `libs.providers.media.MediaSource.open`; with `head` its description alone.

        Raises GatewayError(gateway_unavailable) when the store cannot be read.
        """
        size = claims.size or 0
        described = MediaDescription(mime_type=claims.mime_type, size=size, sha256=claims.sha256, exact=True)
        if head:
            yield MediaStream(described, _pieces(None, size))
            return
        media = MediaRequest(kind=MediaKind(claims.kind), url=claims.url, upload_id=claims.upload_id)
        async with AsyncExitStack() as stack:
            try:
                found = await stack.enter_async_context(self.files.stream(media, claims.account_id))
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
                yield NoMedia(MediaFault.UNAVAILABLE)
                return
            if isinstance(found, NoFile):
                yield NoMedia(MediaFault.GONE if found.reason in _GONE else MediaFault.UNAVAILABLE)
            else:
                yield MediaStream(described, _pieces(found, size))


async def _pieces(found: AsyncIterator[bytes] | None, size: int) -> AsyncGenerator[bytes, None]:
    """The pieces, never more than the file had. Raises MediaBroken when it breaks off or is longer."""
    left = size
    try:
        async for piece in found or _nothing():
            left -= len(piece)
            if left < 0:
                raise MediaBroken("too_large")
            yield piece
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise MediaBroken(fault_reason(error)) from error
    except CannotOpen as error:
        raise MediaBroken("unreadable") from error


async def _nothing() -> AsyncGenerator[bytes, None]:
    for piece in (b"",):
        yield piece
