"""The form of a backup: a folder with the store's files, the persons' keys as an archive of their own, and manifests.

    manifest.json    what the store's files are: their digests, the chains, the public keys
    store/           everything but the persons' keys
    subjects/        the persons' keys, with a manifest of its own, so that it can be deleted alone

The rule: a backup is written beside its place under the name `<name>.partial`, and renamed when it is whole and on
disk. So a folder with a manifest is a whole backup, and a crash never leaves half of one at its place.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final

import orjson

FORMAT: Final = "gateway-backup/1"
MANIFEST: Final = "manifest.json"
STORE: Final = "store"
SUBJECTS: Final = "subjects"
PARTIAL: Final = ".partial"
SUBJECTS_KEPT: Final = timedelta(days=30)
"""How old an archive of persons' keys may be: erased persons are in no backup that can be restored after it."""
_LOCK: Final = "lock"


class BackupRefused(Exception):  # noqa: N818 -- reads as the fact it states
    """A backup cannot be made or used; the text is one sentence without stored values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupChain:
    """How far a chain of the record goes in a backup."""

    chain: str
    seq: int
    """Its last record; a MongoDB backup without a snapshot may hold no later ones."""
    checkpoint: int
    """The number of its newest checkpoint; 0 without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What an adapter copied."""

    kind: str
    """`sqlite` or `mongodb`."""
    taken_at: datetime
    """Everything that was written before it is in the copy."""
    schema: int
    consistent: bool
    """Whether all files are of one moment."""
    chains: Sequence[BackupChain]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup, or its archive of persons' keys, holds."""

    backup_id: str
    kind: str
    taken_at: datetime
    schema: int
    release: str
    consistent: bool = True
    keys: Sequence[Mapping[str, Any]] = ()
    """The public keys that verify the record, in their exported form."""
    chains: Sequence[BackupChain] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    """The SHA-256 of each file, by its name in the folder."""


def new_files(folder: Path) -> dict[str, str]:
    """The digests of the files in a folder, by name."""
    return {each.name: digest_of(each) for each in sorted(folder.iterdir()) if each.name not in {MANIFEST, _LOCK}}


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a folder's manifest, and sync it to disk."""
    _write(folder / MANIFEST, orjson.dumps({"format": FORMAT, **asdict(manifest)}, option=orjson.OPT_INDENT_2))


def manifest_in(folder: Path) -> Manifest:
    """The manifest of a backup, or of its archive of persons' keys. Raises BackupRefused."""
    try:
        body = orjson.loads((folder / MANIFEST).read_bytes())
        if body.pop("format") != FORMAT:
            raise BackupRefused(f"{folder} is a backup of another format")
        body["chains"] = [BackupChain(**each) for each in body["chains"]]
        return Manifest(**body | {"taken_at": datetime.fromisoformat(body["taken_at"])})
    except FileNotFoundError:
        what = "half a backup: it was interrupted" if folder.name.endswith(PARTIAL) else "no backup"
        raise BackupRefused(f"{folder} is {what}, it has no {MANIFEST}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise BackupRefused(f"{folder / MANIFEST} cannot be read") from None


def require_whole(folder: Path, manifest: Manifest) -> None:
    """Raise BackupRefused unless the folder holds exactly the manifest's files, unchanged."""
    found = {each.name for each in folder.iterdir()} - {MANIFEST}
    if found != set(manifest.files):
        odd = ", ".join(sorted(found ^ set(manifest.files)))
        raise BackupRefused(f"{folder} does not hold the files of its manifest: {odd}")
    for name, digest in manifest.files.items():
        if digest_of(folder / name) != digest:
            raise BackupRefused(f"{folder / name} is not the file that was backed up: its digest differs")


@contextmanager
def new_backup(target: Path) -> Iterator[Path]:
    """An empty folder to write a backup to, which becomes `target` when the block ends well.

    What an interrupted run left is removed. Raises BackupRefused when `target` exists, or another run writes it.
    """
    if target.exists():
        raise BackupRefused(f"{target} exists: a backup overwrites nothing")
    partial = target.with_name(target.name + PARTIAL)
    partial.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(partial / _LOCK):
        for left in partial.iterdir():
            if left.name != _LOCK:
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        for name in (STORE, SUBJECTS):
            (partial / name).mkdir(mode=0o700)
        yield partial
        (partial / _LOCK).unlink()
        _sync_tree(partial)
        try:
            partial.rename(target)
        except OSError:
            raise BackupRefused(f"{target} exists: a backup overwrites nothing") from None
        _sync_folder(target.parent)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupRefused(f"another run writes {path.parent}") from None
        yield


def remove_old(folder: Path, now: datetime, *, keep: int | None, say: Callable[[str], None]) -> None:
    """Remove archives of persons' keys that are too old, and all but the newest `keep` backups, from a folder."""
    found: list[tuple[datetime, Path]] = []
    for each in folder.iterdir():
        with suppress(BackupRefused):
            if each.is_dir() and not each.name.endswith(PARTIAL):
                found.append((manifest_in(each).taken_at, each))
    newest_first = [each for _, each in sorted(found, reverse=True)]
    for each in newest_first[keep:] if keep is not None else ():
        (each / MANIFEST).unlink()  # first: half of a removed backup is none
        shutil.rmtree(each)
        say(f"removed {each.name}")
    for taken_at, each in found:
        if now - taken_at > SUBJECTS_KEPT and (each / SUBJECTS).exists():
            shutil.rmtree(each / SUBJECTS)
            say(f"removed the persons' keys of {each.name}")


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_tree(folder: Path) -> None:
    for each in folder.rglob("*"):
        if each.is_file():
            with each.open("rb") as file:
                os.fsync(file.fileno())
        else:
            _sync_folder(each)
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
