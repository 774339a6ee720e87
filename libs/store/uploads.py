"""Files that operators and 3CX's helpers upload to be sent: sealed, in chunks, for a day.

The rule: content is deleted once it was sent, and after 24 hours whether it was sent or not. What remains for another
day is the row that tells an ended upload from one that never was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

MAX_UPLOAD: Final = 16 * 1024 * 1024
"""Bytes of one upload; larger files are sent by URL."""
CHUNK: Final = 256 * 1024
"""Bytes of a chunk before it is sealed: small enough for one row of any store and one write among others."""
KEPT: Final = timedelta(hours=24)
ROW_KEPT: Final = timedelta(hours=48)
MAX_KEPT_OF_ACCOUNT: Final = 32 * MAX_UPLOAD
"""Bytes of an account's uploads at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One file. `bytes` is 0 and `sha256` empty until all of it has arrived."""

    id: str
    account_id: str
    at: datetime
    bytes: int = 0
    sha256: str = ""
    mime_type: str = ""
    """What its content is, by its first bytes."""
    deleted: bool = False
    """Whether its content is gone: it was sent."""

    @property
    def complete(self) -> bool:
        """Whether all of it has arrived."""
        return self.sha256 != ""

    def ended_at(self, now: datetime) -> bool:
        """Whether it cannot be sent any more."""
        return self.deleted or now >= self.at + KEPT


class Uploads(Protocol):
    """Uploads and their chunks. Chunks are sealed by the caller, bound to upload and position."""

    async def begin(self, upload: Upload, *, most: int = MAX_KEPT_OF_ACCOUNT) -> bool:
        """Begin an upload; False, and nothing is written, when the account would keep more than `most` bytes.

        An upload counts as `MAX_UPLOAD` bytes until it is complete. Uploads that begin at the same time may exceed
        the limit together.
        """

    async def add_chunk(self, upload_id: str, position: int, sealed: bytes, *, at: datetime) -> None:
        """Store one chunk; durable when it returns."""

    async def complete(self, upload: Upload) -> None:
        """All chunks are stored: `upload` has the file's size, digest and type."""

    async def find(self, upload_id: str) -> Upload | None:
        """The upload; None when there is none, or it ended a day ago."""

    async def chunk(self, upload_id: str, position: int) -> bytes | None:
        """One chunk; None after the last, or when it is deleted."""

    async def delete(self, upload_id: str) -> None:
        """Delete the content. Safe to repeat."""

    async def delete_ended(self, now: datetime) -> Mapping[str, int]:
        """Delete the content of uploads from before 24 hours, and rows from before 48; how many of each."""
