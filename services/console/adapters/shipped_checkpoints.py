"""Reads the checkpoints that audit shipped to files; a verification compares the database with them.

The rule: a file that cannot be read holds none, as one that is missing, and the log says so. The verification goes on:
it finds what was altered, and calls `unshipped` what was compared with nothing.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from libs.chassis.telemetry import logger
from libs.record.checkpoints import Checkpoint
from libs.record.exports import shipped_checkpoints_from
from libs.record.log_checkpoints import LogCheckpoint
from libs.record.log_exports import shipped_log_checkpoints_from

log = logger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ShippedCheckpointFiles:
    """`ReadShippedCheckpoints`."""

    files: Sequence[Path]

    async def __call__(self) -> Sequence[Checkpoint]:
        """All checkpoints in the files that can be read."""
        return await asyncio.to_thread(_all_in, self.files, shipped_checkpoints_from)


@dataclass(frozen=True, slots=True)
class ShippedLogFiles:
    """`ReadShippedLog`."""

    files: Sequence[Path]

    async def __call__(self) -> Sequence[LogCheckpoint]:
        """The log's checkpoints in all files that can be read."""
        return await asyncio.to_thread(_all_in, self.files, shipped_log_checkpoints_from)


def _all_in(files: Sequence[Path], read: Callable[[Iterable[bytes]], list[T]]) -> list[T]:
    found: list[T] = []
    for path in files:
        try:
            with path.open("rb") as lines:
                found += read(lines)
        except FileNotFoundError:
            continue  # nothing was shipped yet
        except OSError as failure:
            log.warning("shipped checkpoints cannot be read", failure=type(failure).__name__)
    return found
