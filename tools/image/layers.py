"""A layer: the files that one step of a Dockerfile adds, changes or removes, as a tar archive that is always the same.

Names are sorted, every time stamp is `EPOCH`, owners are numbers. What a step removed is an empty file `.wh.<name>`
(https://github.com/opencontainers/image-spec/blob/main/layer.md#whiteouts).
"""

import hashlib
import os
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

EPOCH: Final = 315_532_800
"""1 January 1980, the earliest time that a zip archive can hold. It is the same for every commit, so that a layer whose
files did not change keeps its digest, and a node that has it does not load it again."""
_OPAQUE: Final = "trusted.overlay.opaque"


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer in the cache: `files` is the upper folder of its overlay mount, `archive` the tar file made of it."""

    key: str
    place: Path

    @property
    def files(self) -> Path:
        """The folder that the next step's overlay mount has below it."""
        return self.place / "files"

    @property
    def archive(self) -> Path:
        """The tar file, as the image holds it."""
        return self.place / "layer.tar"

    @property
    def digest(self) -> str:
        """SHA-256 of the tar file in hex: the layer's diff id."""
        return (self.place / "digest").read_text(encoding="ascii")


def pack(files: Path, place: Path) -> None:
    """Write `layer.tar` and `digest` of the folder `files` into `place`."""
    archive = place / "layer.tar"
    with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as tar:
        for path in _sorted(files):
            for entry in _entries(tar, path, path.relative_to(files).as_posix()):
                if entry.isreg() and entry.size:  # a whiteout stands for a device, which cannot be read
                    with path.open("rb") as content:
                        tar.addfile(entry, content)
                else:
                    tar.addfile(entry)
    with archive.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    (place / "digest").write_text(digest, encoding="ascii")


def _sorted(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _sorted(path)


def _entries(tar: tarfile.TarFile, path: Path, name: str) -> Iterator[tarfile.TarInfo]:
    status = path.lstat()
    if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
        yield _whiteout(f"{Path(name).parent.as_posix()}/.wh.{path.name}".removeprefix("./"))
        return
    entry = tar.gettarinfo(str(path), name)
    entry.mtime, entry.uname, entry.gname = EPOCH, "", ""
    yield entry
    if entry.isdir() and _is_opaque(path):
        yield _whiteout(f"{name}/.wh..wh..opq")


def _is_opaque(folder: Path) -> bool:
    """True when the step replaced the whole folder: nothing of it in a lower layer is seen any more."""
    return _OPAQUE in os.listxattr(folder) and os.getxattr(folder, _OPAQUE) == b"y"


def _whiteout(name: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.mtime = EPOCH
    return entry
