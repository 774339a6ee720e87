"""Copies the files of a SQLite store while services use it, all as of one moment."""

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from pathlib import Path

from libs.store.backups import BackupChain, BackupRefused, Copied
from libs.store.migration import Say
from libs.store.sqlite.connections import connect
from libs.store.sqlite.failures import translated_errors
from libs.store.sqlite.files import make_private_file

Clock = Callable[[], datetime]
PAGES = 4096
"""Pages (4 KB) that are copied at once: the memory that a backup needs."""
_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_WRITE})
"""What SQLite reports when a disk is full: the second one for the file beside a write-ahead log."""
_CHAINS = """
SELECT name, coalesce((SELECT seq FROM chains WHERE chain = name), 0),
  coalesce((SELECT max(number) FROM checkpoints WHERE chain = name), 0)
FROM (SELECT chain AS name FROM chains UNION SELECT chain FROM checkpoints) ORDER BY name
"""


def copy_store(files: dict[str, Path], store: Path, subjects: Path, say: Say, clock: Clock) -> Copied:
    """Copy the files (`main` and its siblings, by name) into two folders, `subjects` apart. Blocks.

    Raises BackupRefused when a file is missing, and GatewayError(gateway_unavailable).
    """
    if missing := sorted(each.name for each in files.values() if not each.exists()):
        raise BackupRefused(f"the store lacks {', '.join(missing)}")
    with translated_errors(), ExitStack() as stack:
        taken_at, readers = _snapshots(files, stack, clock)
        schema: int = readers["main"].execute("PRAGMA user_version").fetchone()[0]
        chains = [BackupChain(chain=c, seq=s, checkpoint=n) for c, s, n in readers["records"].execute(_CHAINS)]
        for name, reader in readers.items():
            target = (subjects if name == "subjects" else store) / f"{name}.db"
            _copy(reader, target)
            say(f"{target.name}: {target.stat().st_size:,} bytes")
    return Copied(kind="sqlite", taken_at=taken_at, schema=schema, consistent=True, chains=chains)


def _snapshots(
    files: dict[str, Path], stack: ExitStack, clock: Clock
) -> tuple[datetime, dict[str, sqlite3.Connection]]:
    """A reader for each file that sees it as of one moment: none of them is written while the readers begin."""
    with ExitStack() as writers:
        for path in files.values():
            writers.enter_context(_not_written(path))
        taken_at = clock()
        readers = {}
        for name, path in files.items():
            readers[name] = stack.enter_context(closing(connect(path, query_only=True)))
            readers[name].execute("BEGIN")
            readers[name].execute("SELECT 1 FROM sqlite_schema").fetchone()  # the snapshot begins with the first read
    return taken_at, readers


@contextmanager
def _not_written(path: Path) -> Iterator[None]:
    with closing(connect(path)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def _copy(reader: sqlite3.Connection, target: Path) -> None:
    make_private_file(target)
    try:
        with closing(sqlite3.connect(target, isolation_level=None)) as copy:
            reader.backup(copy, pages=PAGES)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a write-ahead log beside it
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in _FULL:  # the backup's disk: the store is only read
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise
