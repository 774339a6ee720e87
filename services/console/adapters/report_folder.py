"""Delivers scheduled reports as files in a directory, which several console processes may share."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from libs.chassis.telemetry import logger
from services.console.domain.documents import Document

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class ReportFolder:
    """`DeliverReport`: a file appears whole or not at all; a repeated delivery replaces it."""

    folder: Path

    async def __call__(self, report_id: str, documents: Sequence[Document]) -> bool:
        """Write the documents; False when the directory cannot be written to."""
        try:
            await asyncio.to_thread(self._write, documents)
        except OSError as failure:
            log.warning("report not written", report=report_id, failure=type(failure).__name__)
            return False
        return True

    def _write(self, documents: Sequence[Document]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for document in documents:
            unfinished = self.folder / f".{document.name}.{os.getpid()}"
            with unfinished.open("wb") as file:
                file.write(document.content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self.folder / document.name)
