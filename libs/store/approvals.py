"""Approvals: what one operator requested, and a second person approves or rejects.

The rule: a state changes only from the one that was read, with the events about it in the same step. A request that has
ended holds nothing about a person: what was sealed, its customer keys and its fingerprint are removed with its end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Final, Protocol

from libs.store.outbox import OutboxEvent

KEPT: Final = timedelta(days=90)
"""How long a request is kept after its end; the record has its events for as long as the account's retention says."""


@unique
class ApprovalKind(StrEnum):
    """What needs a second person. The values are stored and recorded: they do not change."""

    LEGAL_HOLD = "legal_hold"
    """An account's legal hold begins or ends."""
    RETENTION = "retention"
    """An account's records are kept for another number of days."""
    LIFT_OPT_OUT = "lift_opt_out"
    """A customer's own opt-out is lifted."""
    ERASURE = "erasure"
    """One more person is erased after many."""


@unique
class ApprovalState(StrEnum):
    """The state of a request. The values are stored."""

    PENDING = "pending"
    APPROVED = "approved"
    """The decision is stored, the effect perhaps not yet: any process takes it up again."""
    DONE = "done"
    """The effect is there."""
    REJECTED = "rejected"
    EXPIRED = "expired"
    """It ended without effect; `code` says why."""


@unique
class ApprovalEnd(StrEnum):
    """Why a request expired. The values are stored and recorded."""

    TIMED_OUT = "timed_out"
    STATE_CHANGED = "state_changed"
    """What it is about has changed, so that it cannot take effect as it was requested."""
    SUBJECT_ERASED = "subject_erased"
    """The person whom it is about was erased."""
    REQUESTER_INVALID = "requester_invalid"
    """The requester's token was revoked, or allows it no longer."""


FINAL: Final = frozenset({ApprovalState.DONE, ApprovalState.REJECTED, ApprovalState.EXPIRED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One request and its decision."""

    id: str
    kind: ApprovalKind
    account_id: str
    requester: str
    """The id of the requester's token."""
    requested_by: str
    """The requester as records name them."""
    requested_at: datetime
    expires_at: datetime
    fingerprint: str
    """Equal for equal requests of one token; empty after the end."""
    customer_keys: tuple[str, ...] = ()
    """The keys of the person whom it is about; none after the end, and after the person's erasure."""
    sealed: str | None = field(default=None, repr=False)
    """The request, encrypted (`libs.store.sealer`); None after the end, and after the person's erasure."""
    state: ApprovalState = ApprovalState.PENDING
    decided_by: str | None = None
    decided_at: datetime | None = None
    ended_at: datetime | None = None
    code: ApprovalEnd | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A change of state at `at`."""

    before: ApprovalState
    after: ApprovalState
    at: datetime
    by: str | None = None
    """Who decided; None keeps what is stored."""
    code: ApprovalEnd | None = None


@dataclass(frozen=True, slots=True)
class WaitingApprovals:
    """The requests that wait for a decision."""

    count: int
    oldest: datetime | None


class Approvals(Protocol):
    """Requests and their decisions."""

    async def add(self, approval: Approval, events: Sequence[OutboxEvent]) -> Approval:
        """Store a request, with `events` in the same step; returns the stored one, if its id exists already."""

    async def get(self, approval_id: str) -> Approval | None:
        """The request with this id."""

    async def pending_like(self, account_id: str, fingerprint: str) -> Approval | None:
        """A pending request with this fingerprint."""

    async def page(
        self, *, account_id: str | None, state: ApprovalState | None, after: str | None, limit: int
    ) -> Sequence[Approval]:
        """Requests in the order of their ids."""

    async def unfinished(
        self, state: ApprovalState, limit: int, *, before: datetime | None = None
    ) -> Sequence[Approval]:
        """The requests in this state, those that expire first in front; with `before`, those that expire by then."""

    async def emptied(self, limit: int) -> Sequence[Approval]:
        """Requests that have not ended and lost what they hold, because their person was erased."""

    async def move(self, approval_id: str, transition: Transition, events: Sequence[OutboxEvent]) -> bool:
        """Change the state, with `events` in the same step; False, and nothing is written, when it is another one."""

    async def waiting(self) -> WaitingApprovals:
        """Count the pending requests."""
