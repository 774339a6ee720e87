"""`MediaCutter` shortens media in base64 while a body is read, so that a body's media is never held in memory."""

import re
from typing import Final

LONGEST: Final = 65_536
"""Bytes of a run of base64 that are kept. WhatsApp's texts have at most 65,536 characters, so no text is cut."""
ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_="
_LONG_RUN: Final = re.compile(rb"(?<![A-Za-z0-9+/=_-])([A-Za-z0-9+/=_-]{%d})[A-Za-z0-9+/=_-]++" % LONGEST)
"""Only from a run's beginning: a search from each of its bytes would take quadratic time."""


class MediaCutter:
    """Cuts every run of base64's characters after `LONGEST` bytes. The result does not depend on the chunks' sizes."""

    def __init__(self) -> None:
        self._run = 0
        """The length of the run at the end of what was read so far."""

    def shortened(self, chunk: bytes) -> bytes:
        """What is left of the body's next chunk."""
        rest = chunk.lstrip(ALPHABET)
        leading = len(chunk) - len(rest)
        left = chunk[: min(leading, max(0, LONGEST - self._run))]
        self._run = self._run + leading if not rest else len(rest) - len(rest.rstrip(ALPHABET))
        return left + _LONG_RUN.sub(rb"\1", rest)
