"""Restores a SQLite store: in a folder beside its place, whose files are moved there when they are ready.

The rule: no file at the store's path is ever replaced. The main file is moved last, so that a store without it is none.
"""

import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from zlib import crc32

from libs.store.backups import STORE, SUBJECTS, BackupRefused, Manifest
from libs.store.migration import Say
from libs.store.restored_store import AlreadyRestored, RestoredStore
from libs.store.sqlite.connections import connect, holds
from libs.store.sqlite.failures import translated_errors
from libs.store.sqlite.files import PRIVATE_FILE, make_private_folder, staging_of
from libs.store.sqlite.store import SIBLINGS, create_subjects, migrate_sqlite, open_sqlite, sibling_path

_STATE, _APPLIED = "backup_id", "applied"
_NAMES = (*SIBLINGS, "main")
"""The order in which the files are moved."""


@asynccontextmanager
async def restoring_sqlite(path: Path, backup: Path, manifest: Manifest, say: Say) -> AsyncIterator[RestoredStore]:
    """As `libs.store.factory.restoring_store`."""
    make_private_folder(path.parent)
    staging = staging_of(path)
    if holds(path, f"SELECT application_id = {_mark(manifest)} FROM pragma_application_id"):  # noqa: S608 -- a number
        _discard(staging)
        raise AlreadyRestored
    _require_empty(path, staging)
    if not _holds(staging, manifest):
        _take_back(staging, path)
        _copy(backup, staging, path, say)
        _sync(staging)
        (staging / _STATE).write_text(manifest.backup_id)
    await migrate_sqlite(staging / path.name, say)
    store = await open_sqlite(staging / path.name)
    closed = False

    async def finish() -> None:
        nonlocal closed
        closed = True
        await store.close()
        _make_whole(staging / path.name, _mark(manifest))
        _move(staging, path)

    try:
        applied = int((staging / _APPLIED).read_text()) if (staging / _APPLIED).exists() else None
        yield RestoredStore(store=store, applied=applied, note_applied=partial(_note_applied, staging), finish=finish)
    finally:
        if not closed:
            await store.close()


def _mark(manifest: Manifest) -> int:
    """What the main file of a finished restore has as its application id, so that a later run knows it."""
    return crc32(manifest.backup_id.encode()) & 0x7FFF_FFFF | 1


def _files(path: Path) -> list[Path]:
    return [path if name == "main" else sibling_path(path, name) for name in _NAMES]


def _require_empty(path: Path, staging: Path) -> None:
    """Raise BackupRefused when a file of a store is there that is not one of `staging`'s, which this run moves on."""
    for file, staged in zip(_files(path), _files(staging / path.name), strict=True):
        if file.exists() and not (staged.exists() and file.samefile(staged)):
            raise BackupRefused(f"{file} exists: a restore replaces nothing; move it away, or name another store")


def _holds(staging: Path, manifest: Manifest) -> bool:
    state = staging / _STATE
    return state.exists() and state.read_text() == manifest.backup_id


def _copy(backup: Path, staging: Path, path: Path, say: Say) -> None:
    """Copy the backup's files; what another restore left in `staging` is removed."""
    _discard(staging)
    staging.mkdir(mode=0o700)
    for name, target in zip(_NAMES, _files(staging / path.name), strict=True):
        source = backup / (SUBJECTS if name == "subjects" else STORE) / f"{name}.db"
        if name == "subjects" and not source.exists():
            create_subjects(target)
            continue
        shutil.copyfile(source, target)
        target.chmod(PRIVATE_FILE)
        _sync(target)
        say(f"{name}.db: copied")


async def _note_applied(staging: Path, count: int) -> None:
    note = staging / f"{_APPLIED}.new"
    note.write_text(str(count))
    _sync(note)
    note.rename(staging / _APPLIED)
    _sync(staging)


def _take_back(staging: Path, path: Path) -> None:
    """Remove the files that the restore of another backup, which was given up, has moved to their places."""
    for file, staged in zip(_files(path), _files(staging / path.name), strict=True):
        if file.exists() and staged.exists():
            file.unlink()


def _discard(staging: Path) -> None:
    """Remove the folder; first what says that its files are whole."""
    if staging.exists():
        (staging / _STATE).unlink(missing_ok=True)
        shutil.rmtree(staging)


def _make_whole(path: Path, mark: int) -> None:
    """Put everything that was written into the files themselves: no write-ahead log is moved. Then mark the main one.

    Raises GatewayError(gateway_unavailable), as when the disk is full.
    """
    with translated_errors():
        for file in _files(path):
            with closing(connect(file)) as connection:
                if file == path:
                    connection.execute(f"PRAGMA application_id = {mark}")
                busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                if busy:
                    raise BackupRefused("another process uses the store that is being restored")


def _move(staging: Path, path: Path) -> None:
    """Link each file to its place, the main one last, and remove the staging folder; no file is replaced."""
    staged: Sequence[Path] = _files(staging / path.name)
    for file, target in zip(staged, _files(path), strict=True):
        if not target.exists():
            _sync(file)
            os.link(file, target)
        elif not target.samefile(file):
            raise BackupRefused(f"{target} was made meanwhile: stop the services, remove it, and restore again")
    _sync(path.parent)
    _discard(staging)


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
