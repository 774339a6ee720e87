"""The form of a backup: a folder with the store's files, the persons' keys as an archive of their own, and manifests.

    manifest.json    what the store's files are: their digests, the chains, the public keys
    store/           everything but the persons' keys
    subjects/        the persons' keys, with a manifest of its own, so that it can be deleted alone

The rule: a backup is written beside its place under the name `<name>.partial`, and renamed when it is whole and on
disk; it has that name again before it is removed. So whatever a crash leaves of a backup is called `.partial`, and is
never restored.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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
LOCK: Final = "lock"


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
    return {each.name: digest_of(each) for each in sorted(folder.iterdir()) if each.name not in {MANIFEST, LOCK}}


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a folder's manifest, and sync it to disk."""
    _write(folder / MANIFEST, orjson.dumps({"format": FORMAT, **asdict(manifest)}, option=orjson.OPT_INDENT_2))


def manifest_in(folder: Path) -> Manifest:
    """The manifest of a backup, or of its archive of persons' keys. Raises BackupRefused."""
    if folder.name.endswith(PARTIAL):
        raise BackupRefused(f"{folder} is half a backup: it was interrupted")
    try:
        body = orjson.loads((folder / MANIFEST).read_bytes())
        if body.pop("format") != FORMAT:
            raise BackupRefused(f"{folder} is a backup of another format")
        body["chains"] = [BackupChain(**each) for each in body["chains"]]
        return Manifest(**body | {"taken_at": datetime.fromisoformat(body["taken_at"])})
    except FileNotFoundError:
        raise BackupRefused(f"{folder} is no backup, it has no {MANIFEST}") from None
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

    What an interrupted run left is removed, and what the block wrote when it fails: a full disk has its space again.
    Raises BackupRefused when `target` exists, or another run writes it.
    """
    if target.exists():
        raise BackupRefused(f"{target} exists: a backup overwrites nothing")
    partial = target.with_name(target.name + PARTIAL)
    partial.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(partial / LOCK):
        for left in partial.iterdir():
            if left.name != LOCK:
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        for name in (STORE, SUBJECTS):
            (partial / name).mkdir(mode=0o700)
        try:
            yield partial
            _sync_tree(partial)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        (partial / LOCK).unlink()
        _sync_folder(partial)
        try:
            partial.rename(target)
        except OSError:
            raise BackupRefused(f"{target} exists: a backup overwrites nothing") from None
        _sync_folder(target.parent)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a backup that is being written, in the file `path`. Raises BackupRefused when it is held."""
    with path.open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupRefused(f"another run writes {path.parent}") from None
        yield


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
