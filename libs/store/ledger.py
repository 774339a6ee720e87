"""The ledger of provider calls: each call is claimed before it is made, so that no message is sent twice.

An entry is in one of three states. `calling`: a call may be in progress until the lease ends; after that its outcome is
unknown. `waiting`: the last call did not send the message, and another may follow. `finished`: the outcome is final.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The rate limits of a number and of a pair of number and customer; bursts in messages."""

    number_rate: float = 80.0
    """Messages a second."""
    number_burst: int = 80
    pair_interval: float = 6.0
    """Seconds between two messages."""
    pair_burst: int = 10
    max_wait: float = 2.0
    """The longest wait in seconds for which a call is claimed. A longer wait is `RateLimited` and uses no slot."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look just before the claim has found (`libs.store.claim_looks`). It may be out of date."""

    holds: tuple[tuple[float, float], ...]
    """Until when the number's business account and the app are held, and since when, in Unix seconds; 0 for never."""
    is_new: bool
    """Whether the ledger had no entry of the event."""
    ahead_finished: bool
    """Whether the message before it is finished. It stays so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A request to call the provider for an event."""

    event_id: str
    account_id: str
    number_id: str
    customer_key: str
    callback_id: str
    """The callback data, which the provider repeats in statuses."""
    owner: str
    """The sender replica that claims."""
    now: datetime
    lease_seconds: float
    pace: Pace
    integration_id: str | None = None
    business_account_id: str | None = None
    """The WhatsApp business account of the number, if it is known; it has a bucket of its own."""
    after: str | None = None
    """The event whose message to the same customer must be sent first (`libs.store.delivery_order`)."""
    fallback: str | None = field(default=None, repr=False)
    """The sealed message in the other form in which it may be sent later; kept until the customer has the message."""
    blocked_since: datetime | None = None
    """When this event was first blocked by `after`; None: now."""
    contact: str | None = field(default=None, repr=False)
    """The recipient's addresses (`libs.store.contacts`), sealed; the owner is the event."""
    clock: Callable[[], datetime] | None = field(default=None, repr=False, compare=False)
    """Returns the current time; None: `now` is."""
    seen: Seen | None = field(default=None, compare=False)
    """What a look at this event has found just now; None: the claim looks itself."""
    first: bool = field(default=False, compare=False)
    """Whether it is made without a look, and for an event that is taken for a new one.

    The claimant looks after it, and undoes it if the business account or the app is held: the claim need not know.
    """

    def as_of_now(self) -> "Claim":
        """The claim at the current time. A claim that waited for the database has slots to take that `now` had not."""
        return self if self.clock is None else replace(self, now=self.clock())


@dataclass(frozen=True, slots=True)
class Claimed:
    """The claimant may call after `wait` seconds; the lease includes the wait. `attempt` counts from 1."""

    wait: float
    attempt: int


@dataclass(frozen=True, slots=True)
class RateLimited:
    """Not claimed: the number or the pair must wait `retry_after` seconds. `scope` is `number` or `pair`."""

    retry_after: float
    scope: str


@dataclass(frozen=True, slots=True)
class ClaimInProgress:
    """Not claimed: another claim of the event is valid until `until`. Its process may be dead."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Blocked:
    """Not claimed: an earlier message to the same customer is not finished. It blocks until `until` at most."""

    until: datetime


@dataclass(frozen=True, slots=True)
class LeaseExpired:
    """Not claimed: the lease ended during a call, so it is unknown whether WhatsApp took the message."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Finished:
    """Not claimed: the event has an outcome. `outcome` is the first one that `finish` was given."""

    outcome: bytes
    erased: bool | None = field(default=None, compare=False)
    """Whether an erasure of the customer met the call that `finish` ended; None where it ended none."""


ClaimAnswer = Claimed | RateLimited | ClaimInProgress | Blocked | LeaseExpired | Finished


class Ledger(Protocol):
    """Claims provider calls and keeps their outcomes."""

    async def claim(self, claim: Claim) -> ClaimAnswer:
        """Claim the call, atomically: exactly one of any number of claimants gets `Claimed`.

        The owner of a `waiting` entry can claim it again (attempt + 1) at once, others once its lease has ended.
        An event with `after` is `Blocked` while that event's call is in progress, will be retried, or has not been
        claimed yet (at most `libs.store.claim_rules.MAX_ORDER_WAIT`): messages to one customer are sent in order.
        A claim takes one slot of the number's and of the pair's bucket (`libs.contracts.send_rates`), shared by all
        processes. The time at which it takes them decides, not the time before it waited for the database.
        """

    async def mark_not_sent(self, event_id: str, *, owner: str, until: datetime, counts: bool = True) -> None:
        """The call did not send the message. The owner may claim again at once, others after `until`.

        Unless the attempt `counts`, the next claim has its number again.
        """

    async def finish(
        self,
        event_id: str,
        outcome: bytes,
        *,
        now: datetime,
        message_id: str | None = None,
        owner: str | None = None,
        forget: bool = False,
    ) -> Finished | ClaimInProgress:
        """Write the outcome unless there is one; returns the outcome that stands. Also for events never claimed.

        With an `owner`, another owner's call in progress is not finished: nothing is written and the result is
        `ClaimInProgress`. With `forget`, what names the customer is removed from the entry: they were erased before it
        was made.

        If this ends a call, the result says whether an erasure of the customer has met it. A sender that looked for
        the erasure's marker after its claim (`libs.store.erased_customers`) needs no second look. The erasure writes
        its marker (M), marks the calls in progress (K), and erases once there is none (X). The sender claims (C),
        looks for the marker (L), calls, and finishes (F):
        - M before L: L finds the marker, and nothing is called.
        - L before M: the call is in progress from C on, which is before K. If K is before F, K marks it, whether its
          lease has ended or not, and F returns the mark. It stays until F, since nothing else removes it.
        - L before M, and F before K: the call has ended when the erasure looks, so X removes what F wrote, and the
          answer is as if F had been before M: between M and K the erasure does nothing that anybody could see, and
          what is said after F about a customer who is erased then, nobody can call back with any number of looks.
        """


class Pacing(Protocol):
    """Slows sending down when WhatsApp asks for it."""

    async def hold(self, *, scope: str, key: str, until: datetime, now: datetime, slow_down: float = 1.0) -> None:
        """Hold all messages of a `scope` (`number`, `pair`, `waba`, `app`) and `key` until `until`.

        A `slow_down` below 1 multiplies a number's rate, which recovers by a tenth a minute
        (`libs.contracts.send_rates`).
        """
