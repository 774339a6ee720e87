"""Conversations between a number and a customer: the messaging window and suppressions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique
from typing import Any, Protocol

from libs.store.instants import optional_instant_from
from libs.store.outbox import OutboxEvent


@dataclass(frozen=True, slots=True)
class Conversation:
    """The messaging window between one number and one customer."""

    last_inbound_at: datetime | None = None
    """When the customer last wrote, by WhatsApp's clock. The window closes 24 h later."""
    closed_at: datetime | None = None
    """When WhatsApp reported the window closed. None once the customer has written again."""


def conversation_from(last_inbound_at: int | None, closed_at: int | None) -> Conversation:
    """The conversation with these times in microseconds; an inbound message after `closed_at` reopens the window."""
    if closed_at is not None and last_inbound_at is not None and last_inbound_at > closed_at:
        closed_at = None
    return Conversation(optional_instant_from(last_inbound_at), optional_instant_from(closed_at))


@unique
class SuppressionKind(StrEnum):
    """Why a customer gets no messages. Each kind is lifted on its own: START never lifts an operator's block."""

    OPT_OUT = "opt_out"
    BLOCKED = "blocked"
    MARKETING = "marketing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """One customer of one account who gets no messages."""

    id: str
    account_id: str
    customer_key: str
    masked_phone: str
    kind: SuppressionKind
    source: str
    """`keyword`, `operator` or `provider`."""
    reason: str | None
    actor: str | None
    since: datetime
    evidence: dict[str, Any] = field(default_factory=dict)
    active: bool = True


class Conversations(Protocol):
    """Opens and closes messaging windows."""

    async def open_window(self, number_id: str, customer_keys: Sequence[str], at: datetime) -> None:
        """The customer wrote at `at`: open the window for each of their keys. Earlier times change nothing."""

    async def close_window(self, number_id: str, customer_key: str, at: datetime) -> None:
        """WhatsApp reported the window closed at `at`. A later message of the customer opens it again."""


class Suppressions(Protocol):
    """The customers who get no messages."""

    async def suppress(self, suppression: Suppression, events: Sequence[OutboxEvent]) -> Suppression:
        """Suppress a customer, with `events` in the same step; returns the suppression that stands.

        An account, customer and kind have one active row. Repeating the call (the same id) changes nothing, nor does
        an opt-out whose `since` is before a later lift; `events` are then not written. WhatsApp's times have whole
        seconds: of two requests with the same time, the one that arrives last counts.
        """

    async def lift(
        self,
        *,
        account_id: str,
        customer_key: str,
        kind: SuppressionKind,
        at: datetime,
        events: Sequence[OutboxEvent],
        deduplication_key: str | None = None,
    ) -> Suppression | None:
        """Lift one kind of suppression as of `at`; None (and no events) if none is active or it began after `at`.

        A lift without a suppression is stored too, so that an older opt-out that arrives late has no effect.
        `deduplication_key` identifies the customer's message. A repetition of that message within 8 days lifts nothing
        more and returns what the first one lifted.
        """

    async def page(
        self, *, account_id: str | None, customer_key: str | None, after: str | None, limit: int
    ) -> Sequence[Suppression]:
        """Active suppressions in the order of their ids."""

    async def get(self, suppression_id: str) -> Suppression | None:
        """The suppression with this id, active or not."""
