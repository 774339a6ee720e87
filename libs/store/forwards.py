"""Forwards to 3CX systems: each forward with its attempts and its state.

The rule: a delivered forward is never attempted again, and one forward never has two attempts at the same time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Protocol

FORWARDS_KEPT_DAYS = 30
"""How long a forward is stored: longer than it is retried, and than its dead letter is stored."""
ATTEMPTS_KEPT = 50
"""The number of latest attempts that are stored; a day of retries has some 30."""


@unique
class ForwardState(StrEnum):
    """The state of a forward."""

    TRYING = "trying"
    """An attempt is in progress, or was when its sender died."""
    WAITING = "waiting"
    """The last attempt failed; another follows."""
    DELIVERED = "delivered"
    """The 3CX system accepted it: final."""
    FAILED = "failed"
    """No more attempts, unless an operator replays it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt: the HTTP `status` if there was an answer, and an `error` code if it failed."""

    at: datetime
    duration_ms: int
    status: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """One event that is delivered to one integration. Holds no phone number and no text."""

    id: str
    """The id that the receiver sees, the same for every attempt."""
    account_id: str | None
    integration_id: str
    kind: str
    event_id: str
    """The WhatsApp message, opt-out or webhook that it is about."""
    masked_phone: str | None
    customer_key: str | None = None
    """Finds the forwards of a person who is erased; an erasure removes it."""
    requested_at: datetime
    state: ForwardState = ForwardState.TRYING
    attempts: tuple[Attempt, ...] = ()
    """The latest attempts, oldest first."""
    tries: int = 0
    """The number of all attempts, also of those that are no longer stored."""
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Started:
    """The caller may attempt the delivery until its lease ends."""


@dataclass(frozen=True, slots=True)
class DeliveryInProgress:
    """Another caller attempts the delivery; call again after `until`."""

    until: datetime


@dataclass(frozen=True, slots=True)
class AlreadyDelivered:
    """The forward was delivered with this HTTP status, on attempt number `tries`."""

    status: int
    tries: int


StartResult = Started | DeliveryInProgress | AlreadyDelivered


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardFilter:
    """Which forwards to list."""

    account_id: str | None = None
    integration_id: str | None = None
    state: ForwardState | None = None


@dataclass(frozen=True, slots=True)
class ForwardPage:
    """Forwards, latest first, and the cursor of the next page (None on the last page)."""

    items: Sequence[Forward]
    next_cursor: str | None


class Forwards(Protocol):
    """Stored forwards."""

    async def start(self, forward: Forward, *, owner: str, now: datetime, lease: timedelta) -> StartResult:
        """Start the next attempt. The first call stores `forward`.

        Exactly one of any number of callers gets `Started`, until it finishes the attempt or its lease ends.
        """

    async def finish_attempt(
        self, forward_id: str, state: ForwardState, *, owner: str, now: datetime, attempt: Attempt | None = None
    ) -> None:
        """Store an attempt (None: nothing was sent) and the forward's new state.

        `delivered` is final. Otherwise, an attempt whose lease another caller has taken over changes no state.
        Does nothing for a forward that was never started.
        """

    async def page(self, wanted: ForwardFilter, *, limit: int, cursor: str | None) -> ForwardPage:
        """Forwards by (`requested_at`, id), latest first, from an opaque `cursor` on.

        Raises GatewayError(invalid_request) for an invalid cursor.
        """

    async def get(self, forward_id: str) -> Forward | None:
        """The forward with this id."""
