"""Audit's own ports. The store's ports are used as `libs.store` declares them."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

from libs.contracts.events import Event
from libs.record.checkpoints import Checkpoint
from libs.record.log_checkpoints import LogCheckpoint
from libs.record.signed_notes import NoteSignature
from libs.store.subjects import SubjectKey

PathFrom = Callable[[int], Awaitable[list[bytes]]]
"""The consistency proof of a checkpoint from an older size."""


class SubjectKeys(Protocol):
    """The keys of the persons in records."""

    async def of(self, customer_keys: Collection[str], *, new: Collection[str]) -> Mapping[str, SubjectKey]:
        """The keys of these persons. Persons in `new` without a key get one, which is durable when this returns.

        Name in `new` whom an earlier call did not find: a key is made for each of them, even if it is not needed.
        """
        ...


class Sink(Protocol):
    """A place for checkpoints that an attacker with access to the database cannot reach."""

    async def ship(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Return when the sink has stored them; raises OSError otherwise. Safe to repeat."""
        ...


class LineSink(Protocol):
    """The same place, for restore lines."""

    async def ship_lines(self, lines: Sequence[str]) -> None:
        """As `Sink.ship`; the lines are JSON texts without a line feed."""
        ...


class WholeSink(Sink, LineSink, Protocol):
    """What every adapter is."""


class Publisher(Protocol):
    """Publishes events."""

    async def publish(self, event: Event, *, id: UUID, at: datetime | None = None) -> None:  # noqa: A002 -- as Broker
        """Return when `event` is confirmed; raises GatewayError(gateway_unavailable) otherwise. Safe to repeat."""
        ...


Recorded = Callable[[Mapping[str, int]], None]
"""Called after each batch with the number of its records by chain."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a signer signed last under one name."""

    position: int
    hash: bytes
    at: int
    """When it was remembered, by the signer's clock (microseconds since 1970)."""


class SignerMemory(Protocol):
    """What this replica signed last, outside the store: whoever writes the store cannot change it."""

    async def read(self, name: str) -> tuple[int, bytes] | None:
        """The position and the hash that were written last under this name."""
        ...

    async def remembered(self, name: str) -> Remembered | None:
        """The same, with its time."""
        ...

    async def write(self, name: str, position: int, hash: bytes) -> None:  # noqa: A002 -- what it is
        """Remember them, durable when it returns. Raises OSError."""
        ...


class MemoryUnreadable(Exception):  # noqa: N818 -- reads as what was found
    """The signer's memory is not as this signer left it; the text says why, without its content."""


class StoredMemory(Protocol):
    """A signer's memory that outlives the process, as it is opened at the start."""

    @property
    def folder(self) -> Path | None:
        """Where it is; None when it forgets everything at the end of the process."""

    path: Path | None
    """The file of this replica, once it is loaded; None when nothing is kept."""

    async def load(self) -> bool:
        """Read it; False when there is none yet. Raises MemoryUnreadable, and OSError."""
        ...

    async def begin(self) -> None:
        """Begin an empty memory, durable when it returns. Raises OSError."""
        ...


class Witness(Protocol):
    """Somebody who cosigns checkpoints of the log that extend what he saw last."""

    @property
    def name(self) -> str:
        """The name of the witness's key."""
        ...

    async def cosign(self, checkpoint: LogCheckpoint, path_from: PathFrom) -> NoteSignature:
        """The cosignature. Raises OSError when there is none; its text says why, without an address."""
        ...


class TimestampAuthority(Protocol):
    """Says when it saw bytes (RFC 3161)."""

    async def timestamp(self, message: bytes) -> bytes:
        """The answer, checked against the trusted certificates. Raises OSError when there is none."""
        ...
