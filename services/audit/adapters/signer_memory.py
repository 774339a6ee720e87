"""The signer's memory: what this replica signed last, in a file of its own in a folder outside the store.

The rule: each line is sealed with a key that follows from the signing key, and seals the lines before it. Whoever can
write the store cannot change the file; whoever changes the file without the signing key makes it unreadable.
"""

import asyncio
import fcntl
import hmac
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final

import orjson

from libs.chassis.clock import Clock
from libs.record.keys import SigningKey
from libs.record.strict_json import parsed
from libs.store.instants import micros_from
from services.audit.ports import MemoryUnreadable, Remembered

_PURPOSE: Final = b"gateway signer memory 1"
_START: Final = bytes(32)
SUFFIX: Final = ".memory"
MOST_REPLICAS: Final = 64
REWRITTEN_AT: Final = 10_000
"""Lines beyond one for each name after which the file is written anew."""


@dataclass(slots=True)
class SignerMemoryFile:
    """`SignerMemory` in a file, one line for each write. Without a folder it forgets everything when the process ends.

    A replica takes the first file of the folder that no other one has locked, so each has its own, and a new one goes
    on with that of a replica that has ended. Several keys may read a file, so that the signing key can be changed; the
    first one writes.
    """

    folder: Path | None
    keys: tuple[SigningKey, ...] = field(repr=False)
    clock: Clock
    _known: dict[str, Remembered] = field(default_factory=dict)
    _seal: bytes = _START
    _lines: int = 0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    path: Path | None = None
    """The file of this replica, once it is loaded."""
    _lock: BinaryIO | None = None

    async def load(self) -> bool:
        """Take a file and read it; False when the folder has none yet. Raises MemoryUnreadable, and OSError."""
        return self.folder is not None and await asyncio.to_thread(self._take, self.folder)

    def close(self) -> None:
        """Leave the file to another replica."""
        if self._lock is not None:
            self._lock.close()

    async def read(self, name: str) -> tuple[int, bytes] | None:
        """As `SignerMemory.read`."""
        found = self._known.get(name)
        return None if found is None else (found.position, found.hash)

    async def remembered(self, name: str) -> Remembered | None:
        """As `SignerMemory.remembered`."""
        return self._known.get(name)

    async def write(self, name: str, position: int, hash: bytes) -> None:  # noqa: A002 -- as the port
        """As `SignerMemory.write`. Raises OSError."""
        made = Remembered(position, hash, micros_from(self.clock()))
        async with self._turn:
            if self.path is not None:
                await asyncio.to_thread(self._append, self.path, name, made)
            self._known[name] = made

    async def begin(self) -> None:
        """Begin an empty memory, durable when it returns; an unreadable file is kept beside it. Raises OSError."""
        self._known = {}
        if self.path is not None:
            await asyncio.to_thread(self._rewrite, self.path, keep_old=True)

    def _take(self, folder: Path) -> bool:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in range(MOST_REPLICAS):
            lock = open(folder / f"{number}.lock", "ab", opener=_private)  # noqa: SIM115 -- held until `close`
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                continue
            self._lock, self.path = lock, folder / f"{number}{SUFFIX}"
            return self._load(self.path) or self._adopt(folder, self.path)
        raise OSError(f"{MOST_REPLICAS} replicas use this folder")

    def _adopt(self, folder: Path, path: Path) -> bool:
        """Begin with what another replica of this folder remembers: a new replica has lost nothing."""
        for other in sorted(folder.glob(f"*{SUFFIX}")):
            whole = other.read_bytes().rpartition(b"\n")[0]
            for key in self.keys:
                with suppress(MemoryUnreadable):
                    self._read_with(key, whole.splitlines())
                    self._rewrite(path)
                    return True
        return False

    def _load(self, path: Path) -> bool:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise MemoryUnreadable(type(error).__name__) from None
        whole, _, half = content.rpartition(b"\n")
        for key in self.keys:
            with suppress(MemoryUnreadable):
                self._read_with(key, whole.splitlines())
                if half or key is not self.keys[0]:  # a crash left half a line, or the signing key was changed
                    self._rewrite(path)
                return True
        raise MemoryUnreadable("a line is not sealed by this signer")

    def _read_with(self, key: SigningKey, lines: list[bytes]) -> None:
        known: dict[str, Remembered] = {}
        seal = _START
        for line in lines:
            text, _, told = line.rpartition(b" ")
            seal = _sealed(key, seal, text)
            if not hmac.compare_digest(seal.hex().encode(), told):
                raise MemoryUnreadable("a line is not sealed by this signer")
            body = parsed(text)
            if "name" in body:
                known[body["name"]] = Remembered(body["position"], bytes.fromhex(body["hash"]), body["at"])
        if not lines:
            raise MemoryUnreadable("the file is empty")
        self._known, self._seal, self._lines = known, seal, len(lines)

    def _append(self, path: Path, name: str, made: Remembered) -> None:
        if self._lines > len(self._known) + REWRITTEN_AT or not path.exists():
            self._known[name] = made
            self._rewrite(path)
            return
        text = _line(name, made)
        seal = _sealed(self.keys[0], self._seal, text)
        with path.open("ab") as file:
            file.write(text + b" " + seal.hex().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._seal, self._lines = seal, self._lines + 1

    def _rewrite(self, path: Path, *, keep_old: bool = False) -> None:
        new = path.with_name(path.name + ".new")
        seal, count = _START, 0
        with open(new, "wb", opener=_private) as file:
            for text in self._texts():
                seal, count = _sealed(self.keys[0], seal, text), count + 1
                file.write(text + b" " + seal.hex().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if keep_old and path.exists():
            path.replace(path.with_name(path.name + ".unreadable"))
        new.replace(path)
        _sync_folder(path.parent)
        self._seal, self._lines = seal, count

    def _texts(self) -> Iterator[bytes]:
        yield orjson.dumps({"began_at": micros_from(self.clock())})
        for name, each in sorted(self._known.items()):
            yield _line(name, each)


def _line(name: str, each: Remembered) -> bytes:
    return orjson.dumps({"name": name, "position": each.position, "hash": each.hash.hex(), "at": each.at})


def _sealed(key: SigningKey, before: bytes, text: bytes) -> bytes:
    """The seal of a line behind the line with the seal `before`, by a key that signs nothing else."""
    derived = hmac.digest(key.seed, _PURPOSE, sha256)
    return hmac.digest(derived, before + text, sha256)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
