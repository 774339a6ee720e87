"""`CheckpointSinks`: the places of `GATEWAY_CHECKPOINT_SINK`, to which checkpoints are shipped."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class CheckpointSinks:
    """Files of JSON lines, URLs to post to, and whether the log is a sink."""

    files: Sequence[Path] = ()
    addresses: Sequence[str] = field(default=(), repr=False)
    log: bool = False


def checkpoint_sinks_from(text: str | None) -> CheckpointSinks:
    """The sinks of the setting's text. Raises ValueError, which does not repeat the text: a URL may hold a token."""
    files: list[Path] = []
    addresses: list[str] = []
    log = False
    parts = [part.strip() for part in (text or "").split(",")] if text else []
    for number, part in enumerate(parts, start=1):
        url = urlsplit(part)
        if part == "stdout":
            log = True
        elif url.scheme == "file" and not url.netloc and url.path:
            files.append(Path(url.path))
        elif url.scheme in {"http", "https"} and url.netloc:
            addresses.append(part)
        else:
            raise ValueError(f"sink {number} must be `file:/path`, `stdout`, or an http:// or https:// address")
    return CheckpointSinks(tuple(files), tuple(addresses), log)
