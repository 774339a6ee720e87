"""Files that operations answer with, or that are delivered on a schedule."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Document:
    """A complete file; None as `content_security_policy` means the default header."""

    content: bytes = field(repr=False)
    media_type: str
    name: str
    content_security_policy: str | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """A file of any size that is made while it is sent; an aborted connection means that it is incomplete."""

    content: AsyncIterator[bytes] = field(repr=False)
    media_type: str
    name: str
