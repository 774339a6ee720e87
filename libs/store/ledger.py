"""The account of what was attempted for each event: written before the provider is called, so nothing goes twice.

States: `calling` (a call may be under way until the lease ends; afterwards its outcome is unknown), `waiting` (the last
call surely failed, another may follow) and `finished`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast a number and a pair of number and customer may go; bursts in messages."""

    number_rate: float = 80.0
    number_burst: int = 80
    pair_interval: float = 6.0
    pair_burst: int = 10
    smooth: float = 2.0
    """The longest wait in seconds that is worth claiming; a longer one is `TooFast` and uses up nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The wish to call the provider for an event."""

    event_id: str
    account_id: str
    number_id: str
    customer_key: str
    callback_id: str
    """What the provider echoes in statuses; statuses find the entry by it."""
    owner: str
    """The sender instance that claims."""
    now: datetime
    lease_seconds: float
    pace: Pace
    integration_id: str | None = None
    after: str | None = None
    """The event whose message to the same customer goes first (`libs.store.turns`)."""
    behind_since: datetime | None = None
    """Since when the claimant has known it to be behind `after`; None: since `now`."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """The call is ours after `wait` seconds; `attempt` counts from 1. Its lease includes the wait."""

    wait: float
    attempt: int


@dataclass(frozen=True, slots=True)
class TooFast:
    """Not claimed: the number or the pair must wait `retry_after` seconds. `scope` is `number` or `pair`."""

    retry_after: float
    scope: str


@dataclass(frozen=True, slots=True)
class Held:
    """Another delivery of the event holds it (or held it and its process may be dead) until `until`."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Behind:
    """An earlier message to the same customer is not done; it is not waited for beyond `until`."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Lapsed:
    """The lease ended while a call was under way: nobody knows whether WhatsApp took the message."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The event is done; `outcome` is what `finish` was given first."""

    outcome: bytes


ClaimAnswer = Claimed | TooFast | Held | Behind | Lapsed | Finished


class Ledger(Protocol):
    """Who may call the provider for an event, and what came of it."""

    async def claim(self, claim: Claim) -> ClaimAnswer:
        """Claim the call, atomically: exactly one of any number of claimants gets `Claimed`.

        A `waiting` entry can be claimed again (attempt + 1) by its owner at once, by others when its lease has ended.
        A message behind another one (`after`) is not claimed while that one's call is under way, will be tried again,
        or has not been claimed yet (`libs.store.claiming.PATIENCE`): messages to one customer go in order.
        Takes one slot of the number's and the pair's bucket (`libs.contracts.pacing`), also across processes.
        """
        ...

    async def failed_surely(self, event_id: str, *, owner: str, until: datetime) -> None:
        """The call surely did not reach the customer; the owner may claim again, others after `until`."""
        ...

    async def finish(
        self, event_id: str, outcome: bytes, *, now: datetime, message_id: str | None = None, owner: str | None = None
    ) -> Finished | Held:
        """Write the outcome unless there is one; returns the one that stands. Also for events never claimed.

        With an `owner`, a call of somebody else's that is under way is left alone: `Held`, and nothing is written.
        """
        ...


class Pacing(Protocol):
    """What WhatsApp told us about our speed."""

    async def hold(self, *, scope: str, key: str, until: datetime, slow_down: float = 1.0) -> None:
        """Let nothing go from `scope` (`number`, `pair`, `account`, `app`) `key` before `until`.

        `slow_down` below 1 multiplies a number's rate; it recovers by a tenth a minute (see `libs.contracts.pacing`).
        """
        ...
