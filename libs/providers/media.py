"""Files of customers at a provider: how one is asked for, and what the provider answers.

The rule: a file is passed on piece by piece and never held as a whole.
"""

import base64
import binascii
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Final, Protocol

from libs.providers.outcomes import Refused
from libs.providers.outgoing import NumberCredentials

PIECE_BYTES: Final = 64 * 1024
_DIGEST_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaWanted:
    """A file of a message. `max_bytes` limits it; with `head` its description alone is wanted."""

    media_id: str
    message_id: str
    max_bytes: int
    head: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaDescription:
    """What the provider says about a file; `size` is in bytes, `sha256` in lower-case hex."""

    mime_type: str | None = None
    size: int | None = None
    sha256: str | None = None
    exact: bool = False
    """Whether `size` is the length of what follows, so that it may be promised to the caller."""


@dataclass(frozen=True, slots=True)
class MediaStream:
    """A file that is being sent. `pieces` raises MediaBroken when it breaks off or is longer than allowed."""

    description: MediaDescription
    pieces: AsyncIterator[bytes] = field(repr=False)


@unique
class MediaFault(StrEnum):
    """Why there is no file."""

    GONE = "gone"
    """The provider does not know the file, or no longer."""
    CREDENTIALS = "credentials"
    """The provider refuses the number's token."""
    UNAVAILABLE = "unavailable"
    """The provider does not answer, or not with the file."""
    TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True)
class NoMedia:
    """There is no file, for `fault`; `refused` is the provider's refusal, if it gave one."""

    fault: MediaFault
    refused: Refused | None = None
    description: MediaDescription = MediaDescription()


class MediaBroken(Exception):  # noqa: N818 -- a name that states the fact
    """A file broke off, or went on for longer than allowed; the text is a word."""


class MediaSource(Protocol):
    """Gets files from a provider."""

    def open(
        self, number: NumberCredentials, wanted: MediaWanted
    ) -> AbstractAsyncContextManager[MediaStream | NoMedia]:
        """Ask for a file, in bounded time; it can be read while the block runs.

        Raises nothing but cancellation: every fault is a NoMedia, or MediaBroken while the file is read.
        """
        ...


def digest_from(text: str | None) -> str | None:
    """A SHA-256 in lower-case hex, from hex or from base64 (Meta's webhooks); None for anything else."""
    if text is None:
        return None
    try:
        raw = bytes.fromhex(text) if len(text) == 2 * _DIGEST_BYTES else base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw.hex() if len(raw) == _DIGEST_BYTES else None
