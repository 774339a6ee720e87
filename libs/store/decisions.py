"""Decisions: the outcome of each event, decided once, and the quota and cooldown that an approval uses.

The first decision for an event stands, however often the event is delivered. An approval uses quota in the same atomic
step; that quota can be returned once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique
from typing import Protocol

from libs.contracts.decisions import Decision
from libs.store.consents import NO_CONSENTS, CustomerConsents
from libs.store.conversations import Conversation, SuppressionKind
from libs.store.customer_links import CustomerLink
from libs.store.delivery_order import OrderEnd
from libs.store.restrictions import Restriction, Subject

TEN_MINUTES = 600
"""Seconds in a slot of the approval rate."""
DECISIONS_KEPT_DAYS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The quota that an approval uses: one message of the account's day and one of its month."""

    account_id: str
    day: str
    """`2026-11-23`, in the account's time zone."""
    month: str
    """`2026-11`, in the account's time zone."""
    daily_limit: int
    monthly_limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How much an account has used."""

    day: int = 0
    month: int = 0
    ten_minutes: int = 0
    """Approvals in the current ten-minute slot of the clock."""
    normal: float = 0.0
    """The account's usual count: a moving average over its ten-minute slots with approvals (weight 0.2 each)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFacts:
    """Everything that the store contributes to a decision, read in one round trip."""

    conversation: Conversation
    suppressed: frozenset[SuppressionKind]
    usage: Usage
    decision: Decision | None = None
    """The event's decision, if it has one."""
    restrictions: tuple[Restriction, ...] = ()
    """Those of the query's subjects that are not lifted; some may have ended by themselves."""
    customer_links: tuple[CustomerLink, ...] = ()
    """The rows of the query's customer keys; the customer's other keys may have more facts under them."""
    left_by_erasures: bool = False
    """Whether erasures have left suppressions in the account, under hashes (`libs.store.do_not_contact`)."""
    consents: CustomerConsents = NO_CONSENTS
    """The consents under the query's customer keys; empty unless the query asks for them."""
    finished: frozenset[str] = frozenset()
    """Of the newest events in the delivery orders of the number and the query's keys, those whose message is finished.

    They stay so. Empty where the claim of the next message finds that out for nothing."""
    order_ends: Mapping[str, OrderEnd] = field(default_factory=dict)
    """How the delivery orders of the number and the query's keys end, by key; empty where a store has no use for it.

    Other events may join them at any time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsQuery:
    """Which facts to read. `customer_keys` is empty when the event has no usable phone number."""

    event_id: str
    account_id: str
    number_id: str
    customer_keys: tuple[str, ...]
    day: str
    month: str
    now: datetime
    """The event's own time."""
    clock: datetime | None = None
    """The time of the clock, which shows whether it was set back; None: `now`."""
    subjects: tuple[Subject, ...] = ()
    """Whose restrictions to read (`libs.store.restriction_effects.subjects_for`)."""
    with_consents: bool = False
    """Whether to read the customer's consents in the same round trip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cooldown:
    """The time after an approval in which the same owner's same kind of message is not sent to the customer again."""

    owner_id: str
    """The integration, or the account where the cooldown holds for all of its integrations."""
    event_type: str
    """The kind of message: an event type, or `request_contact_info`."""
    customer_key: str
    seconds: int
    """At most 30 days."""

    @property
    def id(self) -> str:
        """The key under which the cooldown is stored."""
        return f"{self.owner_id}:{self.event_type}:{self.customer_key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A position at the end of the delivery order of one number and one customer (`libs.store.delivery_order`)."""

    number_id: str
    customer_key: str

    @property
    def pair(self) -> str:
        """The key under which the order of this number and customer is stored."""
        return f"{self.number_id}:{self.customer_key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A decision to make. An approval has a `budget`, which it uses; other decisions have None.

    With a budget, `cooldown` and `position` may be given. The approval then stands only if no other event's cooldown
    runs, and its message joins the delivery order in the same step.
    """

    event_id: str
    decision: Decision
    budget: Budget | None
    now: datetime
    """The event's own time."""
    clock: datetime | None = None
    """The time of the clock, which shows whether it was set back; None: `now`."""
    cooldown: Cooldown | None = None
    position: Position | None = None
    order_end: OrderEnd | None = None
    """How the order of `position` ended when the facts were read, if they tell: saves a call where it still does."""


@unique
class Limit(StrEnum):
    """Which limit is used up."""

    DAILY = "daily"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True)
class StandingDecision:
    """The event's decision: the proposed one (`fresh`), or the one made earlier.

    `after` is the event just before a fresh approval in its delivery order. For an earlier approval, ask
    `DeliveryOrder`.
    """

    decision: Decision
    fresh: bool
    after: str | None = None


@dataclass(frozen=True, slots=True)
class QuotaExhausted:
    """The approval exceeds a limit; nothing was written."""

    limit: Limit
    used: int


@dataclass(frozen=True, slots=True)
class CoolingDown:
    """Another event's cooldown runs until `until`; nothing was written."""

    until: datetime


DecisionResult = StandingDecision | QuotaExhausted | CoolingDown


class Decisions(Protocol):
    """Decides events, once each."""

    async def facts(self, query: FactsQuery) -> StoredFacts:
        """Read everything for one decision. With several `customer_keys`: the latest window, any suppression."""

    async def decide(self, proposal: Proposal) -> DecisionResult:
        """Make the proposal the event's decision unless it has one; atomic with the quota that it uses.

        The cooldown is checked before the quota. It begins with the approval and belongs to its event, so repeating
        the proposal never returns `CoolingDown`. Of simultaneous events with the same cooldown one is approved.
        Each approval raises the ten-minute count. Decisions are kept for at least 8 days.
        A cooldown that began in the future of `clock` is over: the clock was set back, and it would last that much
        longer.
        """

    async def cooling_down(self, cooldown: Cooldown, now: datetime) -> CoolingDown | None:
        """Whether a cooldown runs at `now`; writes nothing."""

    async def release(self, event_id: str, now: datetime) -> bool:
        """Return the quota that the event's approval used, and end its cooldown.

        False when no quota was used, or it was returned before.
        """
