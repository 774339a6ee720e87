"""One decision for each event, for ever: what was decided first stands, however often the event is delivered.

An approval uses up the account's quota in the same step; returning it is one step too, and happens at most once.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from typing import Protocol

from libs.store.conversations import Conversation, SuppressionKind

TEN_MINUTES = 600
DECISIONS_KEPT_DAYS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What an approval uses up: the account's day and month in its own time zone, and its speed."""

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
    """Approved in the running ten minutes (fixed tenths of the clock's hour)."""
    normal: float = 0.0
    """The account's own normal: a moving average of its ten-minute counts (weight 0.2 a closed, non-empty one)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFacts:
    """All that the store knows for a decision, read in one round trip."""

    conversation: Conversation
    suppressed: frozenset[SuppressionKind]
    usage: Usage
    decision: bytes | None = None
    """What was decided for this event before, as it was given to `settle`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What to read: one event's number and customer (None when it has no usable phone), and the account's budget."""

    event_id: str
    account_id: str
    number_id: str
    customer_keys: tuple[str, ...]
    day: str
    month: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Cooldown:
    """What an approval keeps others from for a while: the same kind of event of one integration about one customer."""

    integration_id: str
    event_type: str
    customer_key: str
    seconds: int
    """At most a day."""

    @property
    def id(self) -> str:
        """What the cooldown is stored under."""
        return f"{self.integration_id}:{self.event_type}:{self.customer_key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The line that an approved message gets into (`libs.store.turns`): a number's to one customer."""

    number_id: str
    customer_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A decision that is to be settled. `budget` is given for an approval and uses up quota.

    `cooldown` may be given with a budget: the approval stands only where no other event's cooldown runs. `place` too:
    an approval gets in line there in the same step.
    """

    event_id: str
    outcome: bytes
    budget: Budget | None
    now: datetime
    cooldown: Cooldown | None = None
    place: Place | None = None


@unique
class Limit(StrEnum):
    """Which limit was used up."""

    DAILY = "daily"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True)
class Settled:
    """The decision that stands: the proposed one (`fresh`), or the one that was made before.

    `after` is the event just before a fresh approval in its line; an earlier one's is asked of `Turns`.
    """

    outcome: bytes
    fresh: bool
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Exhausted:
    """An approval that came too late for the quota; nothing was written."""

    limit: Limit
    used: int


@dataclass(frozen=True, slots=True)
class CoolingDown:
    """An approval that came too soon after another event's; nothing was written. It could be made from `until` on."""

    until: datetime


Settlement = Settled | Exhausted | CoolingDown


class Decisions(Protocol):
    """Settles what becomes of an event."""

    async def facts(self, question: Question) -> StoredFacts:
        """Read everything for one decision. Several `customer_keys`: the latest window, any suppression."""
        ...

    async def settle(self, proposal: Proposal) -> Settlement:
        """Make the proposal the event's decision unless it has one already; atomic with the quota it uses up.

        A cooldown is looked at before the quota and begins with the approval, whose event owns it: however often that
        event is settled again, it is never `CoolingDown` itself. Of any number of simultaneous events one is approved.
        The ten-minute count rises with each approval. Decisions are kept for 8 days at least.
        """
        ...

    async def cooling_down(self, cooldown: Cooldown, now: datetime) -> CoolingDown | None:
        """Tell whether an event that comes now would come too soon; nothing is written."""
        ...

    async def release(self, event_id: str, now: datetime) -> bool:
        """Give back the quota that the event's approval used up, and end its cooldown.

        False when there was none, or it was given back.
        """
        ...
