"""Where checkpoints are shipped out to, as `GATEWAY_CHECKPOINT_SINK` tells it; who ships them is not said here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Sinks:
    """The places: files of JSON lines, addresses to post to, and whether the log is one."""

    files: Sequence[Path] = ()
    addresses: Sequence[str] = field(default=(), repr=False)
    log: bool = False


def sinks_in(text: str | None) -> Sinks:
    """The places that a setting names. Raises ValueError, which does not repeat them: an address may hold a token."""
    files: list[Path] = []
    addresses: list[str] = []
    log = False
    parts = [part.strip() for part in (text or "").split(",")] if text else []
    for place, part in enumerate(parts, start=1):
        url = urlsplit(part)
        if part == "stdout":
            log = True
        elif url.scheme == "file" and not url.netloc and url.path:
            files.append(Path(url.path))
        elif url.scheme in {"http", "https"} and url.netloc:
            addresses.append(part)
        else:
            raise ValueError(f"sink {place} must be `file:/path`, `stdout`, or an http:// or https:// address")
    return Sinks(tuple(files), tuple(addresses), log)
