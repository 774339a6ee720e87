"""The operation under `/uploads`: a file is sealed in chunks while it arrives, and kept for a day."""

import hashlib
import tempfile
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import BinaryIO, Final

from libs.chassis.clock import Clock, NewId
from libs.contracts.errors import ErrorCode, GatewayError, OperatorCode
from libs.contracts.media_types import LIMITS, Unsendable, type_of
from libs.store.accounts import Directory
from libs.store.sealer import Sealer
from libs.store.uploads import CHUNK, MAX_UPLOAD, Upload, Uploads
from services.console.domain.known_templates import UploadQuery, upload_view_from
from services.console.domain.refusals import invalid
from services.console.handlers.calls import Answer, Call, UploadedFile

SENDABLE: Final = frozenset(type_ for limit in LIMITS.values() for type_ in limit.types)


@dataclass(frozen=True, slots=True)
class StoreUpload:
    """Stores one file. A cut request leaves chunks that end with the day, and an upload that cannot be sent."""

    uploads: Uploads
    directory: Directory
    sealer: Sealer = field(repr=False)
    clock: Clock
    new_id: NewId

    async def __call__(self, call: Call[UploadQuery, None]) -> Answer:
        """Keep the file of a message to come."""
        account_id, file = call.query.account_id, call.file
        call.principal.scope(account_id)
        if file is None or await self.directory.account(account_id) is None:
            raise invalid("account_id", "is not the id of an account")
        upload = Upload(id=f"upl_{self.new_id().hex}", account_id=account_id, at=self.clock())
        if not await self.uploads.begin(upload):
            raise GatewayError(OperatorCode.TOO_MANY_REQUESTS, {"scope": "uploads", "retry_after": 3600})
        with tempfile.TemporaryFile() as copy:  # without a name, and gone with the request: only to look at its type
            size, digest = await self._store(upload, file, copy)
            found = type_of(copy)
        if isinstance(found, Unsendable) or found not in SENDABLE:
            await self.uploads.delete(upload.id)
            reason = found.reason if isinstance(found, Unsendable) else "type_not_allowed"
            raise GatewayError(ErrorCode.INVALID_MEDIA, {"reason": reason, "allowed": sorted(SENDABLE)})
        complete = replace(upload, bytes=size, sha256=digest, mime_type=found)
        await self.uploads.complete(complete)
        return Answer(upload_view_from(complete), HTTPStatus.CREATED)

    async def _store(self, upload: Upload, file: UploadedFile, copy: BinaryIO) -> tuple[int, str]:
        """Seal and store each chunk; the size and the digest of the whole."""
        digest, position, rest, size = hashlib.sha256(), 0, b"", 0
        async for piece in file.pieces():
            size += len(piece)
            if size > MAX_UPLOAD:
                await self.uploads.delete(upload.id)
                raise GatewayError(ErrorCode.INVALID_MEDIA, {"reason": "too_large", "limit": MAX_UPLOAD})
            digest.update(piece)
            copy.write(piece)
            rest += piece
            while len(rest) >= CHUNK:
                await self._add(upload, position, rest[:CHUNK])
                position, rest = position + 1, rest[CHUNK:]
        if rest:
            await self._add(upload, position, rest)
        return size, digest.hexdigest()

    async def _add(self, upload: Upload, position: int, content: bytes) -> None:
        sealed = self.sealer.seal_bytes(content, owner=upload.id, field_name=f"chunk {position}")
        await self.uploads.add_chunk(upload.id, position, sealed, at=upload.at)
