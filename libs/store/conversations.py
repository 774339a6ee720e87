"""What a number and a customer have going: the window, suppression and cooldowns."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique
from typing import Any, Protocol

from libs.store.outbox import Posted


@dataclass(frozen=True, slots=True)
class Conversation:
    """What one number knows of one customer."""

    last_inbound_at: datetime | None = None
    """When the customer last wrote, by WhatsApp's clock; the window closes 24 h later."""
    closed_at: datetime | None = None
    """When WhatsApp told us that the window is closed; counts until the customer writes again."""


@unique
class SuppressionKind(StrEnum):
    """Who does not want what. Each kind is lifted on its own: START never lifts an operator's block."""

    OPT_OUT = "opt_out"
    BLOCKED = "blocked"
    MARKETING = "marketing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """A customer of an account who is not messaged."""

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
    """The windows."""

    async def customer_wrote(self, number_id: str, customer_keys: Sequence[str], at: datetime) -> None:
        """Open the window from `at` for each of the customer's keys. An earlier `at` than the known changes nothing."""
        ...

    async def window_closed(self, number_id: str, customer_key: str, at: datetime) -> None:
        """WhatsApp says the window is closed at `at`; a later message of the customer's opens it again."""
        ...


class Suppressions(Protocol):
    """Who is not messaged."""

    async def suppress(self, suppression: Suppression, events: Sequence[Posted]) -> Suppression:
        """Suppress a customer; one active row per account, customer and kind.

        Repeating it (the same id), or an opt-out older (`since`) than a later lift, changes nothing; what stands then
        is returned and `events` are written only when something changed. WhatsApp's clock knows seconds: in a tie of
        times the word that arrives last counts.
        """
        ...

    async def lift(
        self,
        *,
        account_id: str,
        customer_key: str,
        kind: SuppressionKind,
        at: datetime,
        events: Sequence[Posted],
        word: str | None = None,
    ) -> Suppression | None:
        """Lift one kind of suppression as of `at`; None (and no events) when none was active or it is newer than `at`.

        A lift of what was never suppressed is remembered too, so that an older opt-out that arrives late loses.
        `word` names the customer's message: it is kept with its effect, so that its repetition lifts nothing more, and
        is told again what it lifted, for at least 8 days.
        """
        ...

    async def page(
        self, *, account_id: str | None, customer_key: str | None, after: str | None, limit: int
    ) -> Sequence[Suppression]:
        """Active suppressions in the order of their ids."""
        ...

    async def get(self, suppression_id: str) -> Suppression | None:
        """One suppression, active or not."""
        ...
