"""Conversations between a number and a customer: the messaging window and suppressions."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique
from typing import Any, Protocol

from libs.store.inbound_messages import InboundMessage
from libs.store.instants import micros_from, optional_instant_from
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
    PROVIDER_BLOCK = "provider_block"
    """WhatsApp no longer delivers the business's messages to the customer (130403); START lifts it too."""


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
    repeated_at: datetime | None = None
    """The time of the latest request that this suppression includes; None: `since`."""
    asked_at: datetime | None = field(default=None, compare=False)
    """Of a stored suppression: when the customer last asked, in whole seconds of WhatsApp's clock; None: never."""

    @property
    def latest_at(self) -> datetime:
        """The time of the latest request: an opt-in must be after it to lift the suppression."""
        return self.repeated_at or self.since


OPERATOR = "operator"
"""The `source` of a suppression that an operator asked for."""


def whole_seconds(micros: int) -> int:
    """A time without its fraction, in microseconds: WhatsApp's times have whole seconds, and only these compare."""
    return micros - micros % 1_000_000


def is_customers_own(suppression: Suppression) -> bool:
    """Whether it is an opt-out of the customer: what remains after an erasure, and what an earlier release stored, too.

    An operator's `opt_out` is the customer's own from the moment on at which they opt out themselves.
    """
    opted_out = suppression.kind in {SuppressionKind.OPT_OUT, SuppressionKind.MARKETING}
    return opted_out and (suppression.asked_at is not None or suppression.source != OPERATOR)


def asked_micros(suppression: Suppression) -> int | None:
    """`asked_at` as it is stored."""
    return None if suppression.asked_at is None else micros_from(suppression.asked_at)


def customers_time(suppression: Suppression) -> int | None:
    """When the customer asked, in microseconds by WhatsApp's clock; None for what an operator or an erasure wrote."""
    from_customer = suppression.source not in {OPERATOR, "erasure"}
    return whole_seconds(micros_from(suppression.latest_at)) if from_customer else None


class Conversations(Protocol):
    """Opens and closes messaging windows."""

    async def open_window(
        self, number_id: str, customer_keys: Sequence[str], at: datetime, *, message: InboundMessage | None = None
    ) -> None:
        """The customer wrote at `at`: open the window for each of their keys. Earlier times change nothing.

        `message` is what they wrote, so that it can be quoted; it is stored in the same round trip.
        """

    async def join_windows(self, account_id: str, customer_keys: Sequence[str], main_key: str) -> None:
        """The keys became one customer: give the main key the latest window with each number of the account."""

    async def close_window(self, number_id: str, customer_key: str, at: datetime) -> None:
        """WhatsApp reported the window closed at `at`. A later message of the customer opens it again."""


class Suppressions(Protocol):
    """The customers who get no messages.

    The rule: a suppression ends only by a lift that is *later*, and in a tie the suppression stands. There are two
    lifts. A customer's opt-in lifts every request with an earlier time, also one that arrives afterwards. An operator
    lifts what the store has: a request of the customer that arrives afterwards counts, however old it is. Times are
    compared in whole seconds, as WhatsApp's are. The order in which opt-outs and opt-ins arrive does not matter.
    """

    async def suppress(self, suppression: Suppression, events: Sequence[OutboxEvent]) -> Suppression:
        """Suppress a customer, with `events` in the same step; returns the suppression that stands.

        An account, customer and kind have one active row, which includes later requests. A request is known by its id
        for at least 8 days: repeating it changes nothing, also after a lift. Nor does a request that an opt-in has
        lifted already. `events` are written with a new row alone.
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
        known: Suppression | None = None,
    ) -> Suppression | None:
        """Lift one kind of suppression as of `at`; None (and no events) if none is active or `at` is not later.

        With a `deduplication_key`, which identifies the customer's message: an opt-in. It is stored without a
        suppression too. A repetition within 8 days lifts nothing more and returns what the first one lifted.
        Without one: an operator's lift. It is refused only in the second of the customer's latest request, or before.
        With `known`, the suppression that the operator has read, it is refused too when the customer asked since.
        """

    async def standing(self, account_id: str, customer_keys: Collection[str]) -> frozenset[SuppressionKind]:
        """The kinds that are active for any of the keys: one round trip, for the look before each send."""

    async def page(
        self, *, account_id: str | None, customer_key: str | None, after: str | None, limit: int
    ) -> Sequence[Suppression]:
        """Active suppressions in the order of their ids."""

    async def get(self, suppression_id: str) -> Suppression | None:
        """The suppression with this id, active or not."""
