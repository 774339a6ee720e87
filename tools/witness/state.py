"""`WitnessFolder`: what a witness saw last of each log, in a file for each.

The rule: a state is on the disk before its cosignature leaves the process. One process at a time uses a folder.
"""

import fcntl
import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from libs.record.log_checkpoints import LogCheckpoint, log_checkpoint_from
from libs.record.witness_requests import Seen


class FolderInUse(Exception):  # noqa: N818 -- reads as what happened
    """Another process uses the folder."""


@dataclass(frozen=True, slots=True)
class WitnessFolder:
    """A folder of signed notes, named by the hash of their log's origin."""

    folder: Path

    def lock(self) -> int:
        """Take the folder for this process; the lock ends with it. Raises FolderInUse and OSError."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise FolderInUse from None
        return descriptor

    def seen(self, origin: str) -> Seen:
        """What was cosigned last; nothing for a log that was never seen. Raises ValueError for an unreadable file."""
        checkpoint = self.newest(origin_hash(origin))
        return Seen() if checkpoint is None else Seen(checkpoint.size, checkpoint.root)

    def newest(self, name: str) -> LogCheckpoint | None:
        """The cosigned checkpoint of the log with this origin hash. Raises ValueError for an unreadable file."""
        try:
            return log_checkpoint_from((self.folder / f"{name}.checkpoint").read_text("utf-8"))
        except FileNotFoundError:
            return None

    def save(self, checkpoint: LogCheckpoint) -> None:
        """Replace the log's checkpoint in one step; the disk has it when this returns. Raises OSError."""
        path = self.folder / f"{origin_hash(checkpoint.origin)}.checkpoint"
        beside = path.with_suffix(".new")
        with beside.open("w", encoding="utf-8") as file:
            file.write(str(checkpoint.note))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def origin_hash(origin: str) -> str:
    """The name under which a log's checkpoint is served."""
    return sha256(origin.encode()).hexdigest()
