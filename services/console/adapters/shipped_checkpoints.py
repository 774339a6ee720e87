"""Reads the checkpoints that audit shipped to files; a verification compares the database with them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from libs.record.checkpoints import Checkpoint
from libs.record.exports import shipped_checkpoints_from
from libs.record.log_checkpoints import LogCheckpoint
from libs.record.log_exports import shipped_log_checkpoints_from


@dataclass(frozen=True, slots=True)
class ShippedCheckpointFiles:
    """`ReadShippedCheckpoints`."""

    files: Sequence[Path]

    async def __call__(self) -> Sequence[Checkpoint]:
        """All checkpoints; a missing file holds none."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> list[Checkpoint]:
        found: list[Checkpoint] = []
        for path in self.files:
            if path.exists():
                with path.open("rb") as lines:
                    found += shipped_checkpoints_from(lines)
        return found


@dataclass(frozen=True, slots=True)
class ShippedLogFiles:
    """`ReadShippedLog`."""

    files: Sequence[Path]

    async def __call__(self) -> Sequence[LogCheckpoint]:
        """The log's checkpoints in all files; a missing file holds none."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> list[LogCheckpoint]:
        found: list[LogCheckpoint] = []
        for path in self.files:
            if path.exists():
                with path.open("rb") as lines:
                    found += shipped_log_checkpoints_from(lines)
        return found
