"""What a file must be before it is uploaded: the checks, and the results when it cannot be sent."""

import hashlib
from dataclasses import dataclass
from typing import BinaryIO

from libs.contracts.content import MediaKind, MediaRequest
from libs.contracts.errors import ErrorCode
from libs.contracts.events import MessageApproved
from libs.contracts.media_types import DOCUMENTS, LIMITS, MB, Unsendable, checked_type
from services.sender.domain.results import Result, failed
from services.sender.domain.sent_forms import template_media_of


@dataclass(frozen=True, slots=True)
class NoFile:
    """The file cannot be had: `reason` is a word; `code` differs for an upload that is gone."""

    reason: str
    code: ErrorCode = ErrorCode.INVALID_MEDIA

    def result(self, media: MediaRequest) -> Result:
        """The message's result."""
        return unsendable(media.kind, self.reason, self.code)


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """What a file was found to be."""

    mime_type: str
    bytes: int
    sha256: str


def media_of(approved: MessageApproved) -> MediaRequest | None:
    """The media that the message shows, itself or in its template's header; None without."""
    if approved.media is not None or approved.template is None:
        return approved.media
    return template_media_of(approved)


def check(file: BinaryIO, kind: MediaKind, declared: str | None) -> CheckedFile | NoFile:
    """Check a whole file; it may take a moment for a large one, so call it in a thread."""
    size = file.seek(0, 2)
    if size > LIMITS[kind].max_bytes:
        return NoFile("too_large")
    found = checked_type(file, kind, declared)
    if isinstance(found, Unsendable):
        return NoFile(found.reason)
    file.seek(0)
    digest = hashlib.sha256()
    while piece := file.read(MB):
        digest.update(piece)
    return CheckedFile(found, size, digest.hexdigest())


def unsendable(kind: MediaKind, reason: str, code: ErrorCode = ErrorCode.INVALID_MEDIA) -> Result:
    """The result of media that cannot be sent; it says what can be."""
    limit = LIMITS[kind]
    about = {"limit": limit.max_bytes, "allowed": list(limit.types)} if code is ErrorCode.INVALID_MEDIA else {}
    return failed(reason, code, kind=kind.value, **about)


def shown_name(media: MediaRequest, mime_type: str) -> str | None:
    """The file name that a document is shown with; one of ours where none was given."""
    if media.kind is not MediaKind.DOCUMENT:
        return None
    return media.filename or f"document.{DOCUMENTS[mime_type]}"
