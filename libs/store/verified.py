"""What verifications of the record found, and how far they came: kept in the store, so that a restart forgets neither.

The rule: a fault stands until a verification that began after it was found finds none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from typing import Protocol

from libs.record.logged_chains import LogPosition


@unique
class Scope(StrEnum):
    """What a verification covers."""

    INCREMENTAL = "incremental"
    """What was written since the last one, from the last verified checkpoint of each chain."""
    WHOLE = "whole"
    """Every record and every checkpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationState:
    """What is known of one scope."""

    sound: bool
    """False from the first fault until a later verification finds none."""
    verified_at: datetime | None = None
    """When a verification of the whole scope last ended, whatever it found; None before the first one."""
    fault: str | None = None
    """The last fault as JSON text, without personal data; also after the record was found sound again."""


class VerificationStates(Protocol):
    """The state of each scope."""

    async def all(self) -> Mapping[Scope, VerificationState]:
        """The states of the scopes that were verified, or found unsound, at least once."""

    async def passed(self, scope: Scope, *, started: datetime, ended: datetime) -> None:
        """Note that a verification of the whole scope found no fault. A fault found after `started` stands."""

    async def failed(self, scope: Scope, fault: str, *, at: datetime, ended: datetime | None = None) -> None:
        """Note a fault that was found `at` that time; `ended` when the verification of the whole scope is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedPlace:
    """Up to where a chain has been verified."""

    chain: str
    checkpoint: int
    """The number of the last verified checkpoint; 0 for none."""
    seq: int
    """The `seq` of the last verified record, and its hash."""
    hash: bytes


class VerifiedPlaces(Protocol):
    """The places up to which incremental verifications came."""

    async def all(self) -> Mapping[str, VerifiedPlace]:
        """The place of each chain that has one."""

    async def save(self, places: Sequence[VerifiedPlace]) -> None:
        """Replace the places of these chains."""

    async def forget(self) -> None:
        """Forget all places, and that in the log: the next incremental verification begins with the first records."""


class VerifiedLog(Protocol):
    """The position up to which incremental verifications of the cumulative log came."""

    async def position(self) -> LogPosition | None:
        """The position; None: begin with the log's first entry. An unreadable one counts as none."""

    async def move(self, position: LogPosition) -> None:
        """Replace it, in one write."""
