"""The account of what was told to 3CX systems: every forward, every try, and how it ended.

The rule: a forward that was delivered is never begun again, and two deliveries of one forward never try at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Protocol

FORWARDS_KEPT_DAYS = 30
"""How long a forward can be looked up; longer than it is tried, and than its dead letter is kept."""
ATTEMPTS_KEPT = 50
"""Tries that a forward shows, the latest; a day has some 30."""


@unique
class ForwardState(StrEnum):
    """Where a forward stands."""

    TRYING = "trying"
    """A try is under way, or was when its sender died."""
    WAITING = "waiting"
    """The last try failed; another follows."""
    DELIVERED = "delivered"
    """The 3CX side took it: final."""
    FAILED = "failed"
    """Given up; only an operator's replay tries again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try: `status` when there was an answer, `error` (a word) when it was no success."""

    at: datetime
    duration_ms: int
    status: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """One thing that one integration is told. No phone, no text."""

    id: str
    """The id that the receiver sees, the same on every try."""
    account_id: str | None
    integration_id: str
    kind: str
    event_id: str
    """The WhatsApp message, opt-out or webhook that it is about."""
    masked_phone: str | None
    requested_at: datetime
    state: ForwardState = ForwardState.TRYING
    attempts: tuple[Attempt, ...] = ()
    """The latest tries, oldest first."""
    tries: int = 0
    """All tries, also those that are shown no more."""
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Begun:
    """The try is this caller's, until its lease ends."""


@dataclass(frozen=True, slots=True)
class Underway:
    """Somebody else tries; ask again after `until`."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """It was delivered, with this HTTP status, at the `tries`-th try."""

    status: int
    tries: int


Beginning = Begun | Underway | Told


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardFilter:
    """Which forwards to list."""

    account_id: str | None = None
    integration_id: str | None = None
    state: ForwardState | None = None


@dataclass(frozen=True, slots=True)
class ForwardPage:
    """Forwards, the latest requested first, and where the next page begins (None: this was the last)."""

    items: Sequence[Forward]
    next_cursor: str | None


class Forwards(Protocol):
    """The account of forwards."""

    async def begin(self, forward: Forward, *, owner: str, now: datetime, lease: timedelta) -> Beginning:
        """Take the next try; exactly one of any number of callers is told `Begun` until it ends or its lease does.

        The first to begin writes `forward` down.
        """
        ...

    async def end(
        self, forward_id: str, state: ForwardState, *, owner: str, now: datetime, attempt: Attempt | None = None
    ) -> None:
        """Note a try (None: nothing was tried) and where the forward stands from now on.

        Delivered stays delivered; short of that, a try whose lease somebody else has taken over changes no state.
        Nothing happens for a forward that was never begun.
        """
        ...

    async def page(self, wanted: ForwardFilter, *, limit: int, cursor: str | None) -> ForwardPage:
        """Forwards by (requested at, id), the latest first, from an opaque `cursor` on.

        Raises GatewayError(invalid_request) for a cursor that is none of ours.
        """
        ...

    async def get(self, forward_id: str) -> Forward | None:
        """The forward with this id."""
        ...
