"""The files of one SQLite database: who may read them, and whether the opened ones are still those at the path.

The rule: never open a database's file except through SQLite. Closing such a descriptor would release SQLite's locks.
"""

import errno
import os
import sqlite3
import stat
from contextlib import suppress
from pathlib import Path

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
_BESIDE = ("", "-wal", "-shm")
"""SQLite's files of one database in WAL mode. It gives the others the access rights of the first."""


class FileChangedError(sqlite3.OperationalError):
    """The file at the path is not the opened one, so that what is written would be lost at the next start."""


class OpenedFile:
    """The identity of the files that a connection has opened. Create it when the connection has read once.

    A removed or replaced file stays writable through its open descriptor. A claim written there grants a call, and the
    next process, which opens the path, does not find it: the message would be sent twice.
    """

    def __init__(self, path: Path) -> None:
        self._paths = _files_of(path)
        self._name = path.name
        self._opened = [_identity(at) for at in self._paths]
        self._size = path.stat().st_size

    def require_unchanged(self, connection: sqlite3.Connection) -> None:
        """Raise FileChangedError unless the path still leads to the opened files. Takes some microseconds.

        Several threads may call it while the file grows. Each compares with a size that was known before it looked.
        """
        known = self._size
        try:
            found = [at.stat() for at in self._paths]
        except OSError:
            raise FileChangedError(f"{self._name}, or its -wal or -shm, is not at its path any more") from None
        if [(each.st_dev, each.st_ino) for each in found] != self._opened:
            raise FileChangedError(f"{self._name}, or its -wal or -shm, has been replaced since it was opened")
        size = found[0].st_size
        if size < known and not _holds_all_pages(connection, size):
            raise FileChangedError(f"{self._name} has been truncated since it was opened")
        self._size = size

    def size(self) -> float:
        """The bytes of the database and its write-ahead log; 0 when they are gone."""
        total = 0
        for at in self._paths[:2]:
            with suppress(OSError):
                total += at.stat().st_size
        return float(total)


def _files_of(path: Path) -> list[Path]:
    return [path.with_name(path.name + suffix) for suffix in _BESIDE]


def _identity(at: Path) -> tuple[int, int]:
    found = at.stat()
    return found.st_dev, found.st_ino


def _holds_all_pages(connection: sqlite3.Connection, size: int) -> bool:
    """False for a truncated file; True after VACUUM, which is the only other reason why a file becomes smaller."""
    if size == 0:
        return False
    pages, page_size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return bool(0 < pages * page_size <= size)


def make_private_folder(folder: Path) -> None:
    """Create missing folders for their owner alone, and tighten one that holds nothing but a store. Raises OSError."""
    for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
        with suppress(FileExistsError):  # another process was faster
            missing.mkdir(mode=PRIVATE_FOLDER)
            missing.chmod(PRIVATE_FOLDER)
    found = folder.stat()
    if stat.S_IMODE(found.st_mode) & ~PRIVATE_FOLDER and found.st_uid == os.geteuid() and _holds_only_stores(folder):
        folder.chmod(PRIVATE_FOLDER)


def make_private_file(path: Path) -> None:
    """Create the missing file for its owner alone, and tighten an existing one of ours. Raises OSError."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_FILE))
    for each in _files_of(path):
        with suppress(FileNotFoundError, PermissionError):  # a file of another user is that user's to tighten
            each.chmod(PRIVATE_FILE)


def staging_of(path: Path) -> Path:
    """The folder in which a restore makes the store's files. While it is there, a main file that is missing is its."""
    return path.with_name(f".{path.name}.restoring")


def _holds_only_stores(folder: Path) -> bool:
    names = [each.name.removesuffix("-wal").removesuffix("-shm") for each in folder.iterdir()]
    return bool(names) and all(name.endswith(".db") for name in names)
