"""The layers that were built before; a layer is found by the digest of all that it is made of."""

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.image.layers import Layer, pack

UNUSED_SECONDS: Final = 7 * 86_400
"""A layer that no build asked for in a week is removed."""
_VERSION: Final = "2"
"""Changes when the builder makes other layers of the same steps."""


@dataclass(frozen=True, slots=True)
class Cache:
    """Layers below `folder`. One build uses it at a time; others wait in `locked`."""

    folder: Path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the cache for one build; layers that were not used for long go first."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._remove_unused()
            yield

    def layer(self, made_of: tuple[str, ...], fill: Callable[[Path], None]) -> Layer:
        """The layer of these ingredients; when it is new, `fill` makes the folder `files` in the place it is given.

        A build that is ended in the middle leaves no half layer: the folder gets its name when all of it is there.
        """
        key = hashlib.sha256("\0".join((_VERSION, *made_of)).encode()).hexdigest()[:24]
        place = self.folder / key
        if not place.exists():
            half = self.folder / "half"
            shutil.rmtree(half, ignore_errors=True)
            half.mkdir()
            fill(half)
            pack(half / "files", half)
            for rest in half.iterdir():
                if rest.is_dir() and rest.name != "files":
                    shutil.rmtree(rest)
            half.rename(place)
        os.utime(place)
        return Layer(key, place)

    def _remove_unused(self) -> None:
        oldest = time.time() - UNUSED_SECONDS
        for place in self.folder.iterdir():
            if place.is_dir() and place.stat().st_mtime < oldest:
                shutil.rmtree(place)
