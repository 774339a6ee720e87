"""Files that callers are handed, or that are written for them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Document:
    """A file that the caller is handed; `policy` is its Content-Security-Policy when it needs one of its own."""

    content: bytes = field(repr=False)
    media_type: str
    name: str
    policy: str | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """A file that is made while it is handed out, however large; one that breaks off was not finished."""

    content: AsyncIterator[bytes] = field(repr=False)
    media_type: str
    name: str
