"""Reads the checkpoints that audit shipped to files; a verification compares the database with them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from libs.record.checkpoints import Checkpoint
from libs.record.exports import shipped_checkpoints_from


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
