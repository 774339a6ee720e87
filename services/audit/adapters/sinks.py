"""Checkpoint sinks: a file, the log, a URL, and all of them together.

The rule: `ship` and `ship_lines` return when the sink has stored what they ship and raise OSError otherwise. Anything
may be shipped twice.
"""

import asyncio
import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import orjson

from libs.chassis.telemetry import logger
from libs.record.checkpoints import Checkpoint
from libs.record.sinks import CheckpointSinks
from services.audit.ports import WholeSink

log = logger(__name__)
_TIMEOUT = aiohttp.ClientTimeout(total=10)


@dataclass(frozen=True, slots=True)
class FileSink:
    """Appends JSON lines to a file, and syncs it to disk."""

    path: Path

    async def ship(self, checkpoints: Sequence[Checkpoint]) -> None:
        """As `Sink.ship`."""
        await asyncio.to_thread(self._append, b"".join(orjson.dumps(c.as_json()) + b"\n" for c in checkpoints))

    async def ship_lines(self, lines: Sequence[str]) -> None:
        """As `Sink.ship_lines`."""
        await asyncio.to_thread(self._append, b"".join(line.encode() + b"\n" for line in lines))

    def _append(self, lines: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+") as file:
            with contextlib.suppress(PermissionError):  # a file of another user is that user's to tighten
                os.fchmod(file.fileno(), 0o600)
            if file.tell() and os.pread(file.fileno(), 1, file.tell() - 1) != b"\n":
                lines = b"\n" + lines  # a crash left half a line
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())


@dataclass(frozen=True, slots=True)
class LogSink:
    """Writes each checkpoint to the log, for a log collector."""

    async def ship(self, checkpoints: Sequence[Checkpoint]) -> None:
        """As `Sink.ship`."""
        for checkpoint in checkpoints:
            log.info("checkpoint", checkpoint=checkpoint.as_json())

    async def ship_lines(self, lines: Sequence[str]) -> None:
        """As `Sink.ship_lines`."""
        for line in lines:
            log.info("restore line", line=orjson.loads(line))


@dataclass(frozen=True, slots=True)
class WebhookSink:
    """Posts them as JSON, `{"checkpoints": […]}` or `{"lines": […]}`; a 2xx status confirms them."""

    url: str = field(repr=False)

    async def ship(self, checkpoints: Sequence[Checkpoint]) -> None:
        """As `Sink.ship`."""
        await self._post(orjson.dumps({"checkpoints": [checkpoint.as_json() for checkpoint in checkpoints]}))

    async def ship_lines(self, lines: Sequence[str]) -> None:
        """As `Sink.ship_lines`."""
        await self._post(orjson.dumps({"lines": [orjson.Fragment(line) for line in lines]}))

    async def _post(self, body: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT) as session,
                session.post(self.url, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                status = answer.status
        except (aiohttp.ClientError, TimeoutError):
            status = 0
        if status // 100 != 2:  # noqa: PLR2004 -- any success
            raise ConnectionError(f"the checkpoint sink answered {status}")


@dataclass(frozen=True, slots=True)
class CompositeSink:
    """Ships to every sink; fails when one of them fails."""

    sinks: Sequence[WholeSink]

    async def ship(self, checkpoints: Sequence[Checkpoint]) -> None:
        """As `Sink.ship`."""
        for sink in self.sinks:
            await sink.ship(checkpoints)

    async def ship_lines(self, lines: Sequence[str]) -> None:
        """As `Sink.ship_lines`."""
        for sink in self.sinks:
            await sink.ship_lines(lines)


def sink_from(sinks: CheckpointSinks) -> WholeSink:
    """The sink that ships to all of these places."""
    return CompositeSink(
        [*map(FileSink, sinks.files), *map(WebhookSink, sinks.addresses), *([LogSink()] if sinks.log else [])]
    )
