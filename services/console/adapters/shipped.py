"""Checkpoints that audit shipped out to files, read back: what the database says must agree with them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from libs.record.checkpoints import Checkpoint
from libs.record.exporting import shipped_from


@dataclass(frozen=True, slots=True)
class ShippedFiles:
    """`Shipped`."""

    files: Sequence[Path]

    async def __call__(self) -> Sequence[Checkpoint]:
        """All of them; a file that is not there holds none."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> list[Checkpoint]:
        found: list[Checkpoint] = []
        for path in self.files:
            if path.exists():
                with path.open("rb") as lines:
                    found += shipped_from(lines)
        return found
