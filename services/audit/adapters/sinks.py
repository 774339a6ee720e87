"""Where checkpoints go so that whoever has the database cannot rewrite what they vouch for.

The rule: shipping returns once the checkpoints have arrived and raises OSError otherwise; the same one may come twice.
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import orjson

from libs.chassis.telemetry import logger
from libs.record.checkpoints import Checkpoint
from libs.record.sinks import Sinks
from services.audit.ports import Sink

log = logger(__name__)
_TIMEOUT = aiohttp.ClientTimeout(total=10)


@dataclass(frozen=True, slots=True)
class ToFile:
    """Appends JSON lines to a file; what is written is on the disk."""

    path: Path

    async def ship(self, checkpoints: Sequence[Checkpoint]) -> None:
        """As `Sink.ship`."""
        await asyncio.to_thread(self._append, b"".join(orjson.dumps(c.shown()) + b"\n" for c in checkpoints))

    def _append(self, lines: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+") as file:
            if file.tell() and os.pread(file.fileno(), 1, file.tell() - 1) != b"\n":
                lines = b"\n" + lines  # a crash left half a line
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())


@dataclass(frozen=True, slots=True)
class ToLog:
    """Writes each to the log, which is collected elsewhere."""

    async def ship(self, checkpoints: Sequence[Checkpoint]) -> None:
        """As `Sink.ship`."""
        for checkpoint in checkpoints:
            log.info("checkpoint", checkpoint=checkpoint.shown())


@dataclass(frozen=True, slots=True)
class ToWebhook:
    """Posts them as JSON, `{"checkpoints": […]}`; a status of 2xx says that they have arrived."""

    url: str = field(repr=False)

    async def ship(self, checkpoints: Sequence[Checkpoint]) -> None:
        """As `Sink.ship`."""
        body = orjson.dumps({"checkpoints": [checkpoint.shown() for checkpoint in checkpoints]})
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
            raise ConnectionError(f"the checkpoints' webhook answered {status}")


@dataclass(frozen=True, slots=True)
class ToAll:
    """Every sink; they have arrived when all have them."""

    sinks: Sequence[Sink]

    async def ship(self, checkpoints: Sequence[Checkpoint]) -> None:
        """As `Sink.ship`."""
        for sink in self.sinks:
            await sink.ship(checkpoints)


def sink_from(sinks: Sinks) -> Sink:
    """What ships to all of these places."""
    return ToAll([*map(ToFile, sinks.files), *map(ToWebhook, sinks.addresses), *([ToLog()] if sinks.log else [])])
