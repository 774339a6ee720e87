"""Removes what a folder of backups holds too long: of interrupted runs, backups beyond a number, old persons' keys."""

import shutil
from collections.abc import Callable
from contextlib import nullcontext, suppress
from datetime import datetime
from pathlib import Path

from libs.store.backups import (
    LOCK,
    MANIFEST,
    PARTIAL,
    STORE,
    SUBJECTS,
    SUBJECTS_KEPT,
    BackupRefused,
    locked,
    manifest_in,
)


def remove_interrupted(folder: Path, say: Callable[[str], None]) -> None:
    """Remove what interrupted runs left in a folder of backups: of a new backup, or of one that was being removed."""
    for each in folder.glob(f"*{PARTIAL}"):
        if not each.is_dir() or {part.name for part in each.iterdir()} - {LOCK, MANIFEST, STORE, SUBJECTS}:
            continue  # not ours
        lock = each / LOCK
        with suppress(BackupRefused), locked(lock) if lock.exists() else nullcontext():
            shutil.rmtree(each)
            say(f"removed {each.name}: an earlier run was interrupted")


def remove_old(folder: Path, now: datetime, *, keep: int | None, say: Callable[[str], None]) -> None:
    """Remove archives of persons' keys that are too old, and all but the newest `keep` backups, from a folder."""
    found: list[tuple[datetime, Path]] = []
    for each in folder.iterdir():
        with suppress(BackupRefused):
            if each.is_dir() and not each.name.endswith(PARTIAL):
                found.append((manifest_in(each).taken_at, each))
    newest_first = [each for _, each in sorted(found, reverse=True)]
    for each in newest_first[keep:] if keep is not None else ():
        shutil.rmtree(each.rename(each.with_name(each.name + PARTIAL)))
        say(f"removed {each.name}")
    for taken_at, each in found:
        if now - taken_at > SUBJECTS_KEPT and (each / SUBJECTS).exists():
            shutil.rmtree(each / SUBJECTS)
            say(f"removed the persons' keys of {each.name}")
