"""Access rights of a stack's data directory: only its owner reads what is in it, whatever the umask is."""

import os
from contextlib import suppress
from pathlib import Path

PRIVATE_UMASK = 0o077


def keep_private(folder: Path) -> None:
    """Take the rights of everybody else from the folder and all that is in it, also from an earlier release's files."""
    _tighten(folder)
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            _tighten(Path(parent, name))


def private_opener(path: str, flags: int) -> int:
    """An `opener` for `open`: a new file is its owner's alone."""
    return os.open(path, flags, 0o600)


def _tighten(path: Path) -> None:
    with suppress(FileNotFoundError, PermissionError):  # another process removes its files meanwhile, or owns them
        mode = path.lstat().st_mode
        if mode & PRIVATE_UMASK and not path.is_symlink():
            path.chmod(mode & 0o700)
