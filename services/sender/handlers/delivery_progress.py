"""`Progress`, the state of one run of a delivery, and the ledger claim of an approved message."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from libs.chassis.backoff import backoff
from libs.chassis.clock import Clock
from libs.contracts.events import MessageApproved
from libs.contracts.send_rates import NUMBER_PER_SECOND, number_burst
from libs.providers.outgoing import ReadyMedia
from libs.store.accounts import Number
from libs.store.ledger import Claim, Pace, Seen
from services.sender.domain.next_steps import OtherForm
from services.sender.domain.outbound_files import media_of
from services.sender.domain.results import Result
from services.sender.handlers.dependencies import DeliveryOptions

YOUNG = timedelta(seconds=30)
"""A message that was requested longer ago has waited for something."""
_ORDER_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Seconds between looks at whether the earlier message to the customer is done; the last one repeats."""


@dataclass(slots=True)
class Progress:
    """The state of one run; times are monotonic seconds, waits are seconds."""

    start: float
    callback: str = ""
    """The message's callback data, the same in every try."""
    throttles: int = 0
    waited: float = 0.0
    not_before: float = 0.0
    order_waited: float = 0.0
    media: ReadyMedia | Result | None = None
    """The message's media, ready to be named, or the result when they cannot be sent."""
    forms: set[OtherForm] = field(default_factory=set)
    """The other forms in which the message is tried, because WhatsApp refused the first one."""
    order_pauses: Iterator[float] = field(default_factory=lambda: backoff(*_ORDER_PAUSES))
    at_once: bool = False
    """Whether the next try claims without a look."""


def claims_at_once(approved: MessageApproved, now: datetime) -> bool:
    """Whether a message that comes for the first time is claimed without a look.

    One that waited is likely enough to have been cancelled meanwhile, and one with media takes its time before a claim.
    """
    return now - approved.received_at < YOUNG and media_of(approved) is None


def claim_from(
    approved: MessageApproved,
    number: Number | None,
    *,
    options: DeliveryOptions,
    now: datetime,
    clock: Clock,
    callback: str,
    contact: str,
    blocked_since: datetime | None,
    max_wait_s: float,
    fallback: str | None,
    seen: Seen | None,
    first: bool,
) -> Claim:
    """The claim of the call for a message; `blocked_since`: since when an earlier message has blocked it here.

    `contact` is the recipient, sealed; `seen` what the look at the message has found just now, `first` that there was
    none.
    """
    rate = number.messages_per_second if number is not None else NUMBER_PER_SECOND
    return Claim(
        event_id=str(approved.event_id),
        account_id=approved.account_id or "",
        number_id=approved.number_id,
        customer_key=approved.customer_key,
        integration_id=approved.integration_id,
        business_account_id=None if number is None else number.business_account_id,
        callback_id=callback,
        contact=contact,
        after=None if approved.after is None else str(approved.after),
        blocked_since=blocked_since,
        fallback=fallback,
        owner=options.owner,
        now=now,
        clock=clock,
        seen=seen,
        first=first,
        lease_seconds=options.lease_s,
        pace=Pace(number_rate=rate, number_burst=number_burst(rate), max_wait=max_wait_s),
    )
