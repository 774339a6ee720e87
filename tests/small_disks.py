"""Small file systems that tests fill."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A file system of its own, in memory."""

    path: Path

    def resize(self, size: int) -> None:
        """Give it this many bytes."""
        subprocess.run(["mount", "-o", f"remount,size={size}", self.path], check=True)


@contextmanager
def small_disk(folder: Path, size: str = "8k") -> Iterator[SmallDisk]:
    """A small file system at `folder`, which is made; the test is skipped where none may be mounted."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], check=False, capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"no small file system: mounting a tmpfs needs root ({done.stderr.strip()})")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
