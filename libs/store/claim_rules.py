"""The rules of a ledger claim: whether an event may be claimed, and when its message may be sent.

The rule: pure functions, which each adapter calls inside its atomic claim, so that all adapters decide the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, unique

from libs.contracts.send_rates import bucket_key, next_slot, recovered_factor, slowed_factor
from libs.store.ledger import Blocked, Claim, ClaimInProgress, Finished, LeaseExpired, RateLimited

PACED = ("number", "pair")
"""The scopes in whose buckets a message uses a slot, in this order."""
SCOPES = (*PACED, "waba", "app")
"""All scopes that can be held."""
_ROUNDING = 1e-5
"""Shorter waits count as none: a float of today's Unix seconds resolves a quarter of a microsecond."""
MAX_ORDER_WAIT = timedelta(seconds=60)
"""How long an earlier message blocks a later one while it is not claimed, or waits for its next attempt.

Deliveries return within seconds of a crash. One that takes longer is a dead letter, or its sender has an outage.
"""


@unique
class State(StrEnum):
    """The state of a ledger entry (`libs.store.ledger`)."""

    CALLING = "calling"
    WAITING = "waiting"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Entry:
    """The ledger's entry of an event."""

    state: str
    owner: str
    attempt: int
    until: datetime
    outcome: bytes | None


@dataclass(frozen=True, slots=True)
class Bucket:
    """The state of the rate limit of one scope and key; times in Unix seconds, 0 for never."""

    tat: float = 0.0
    """The theoretical arrival time of the generic cell rate algorithm (`libs.contracts.send_rates`)."""
    held_until: float = 0.0
    factor: float = 1.0
    """The fraction of its rate that a number had at `slowed_at`."""
    slowed_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Slots:
    """The message may be sent after `wait` seconds; `tats` are the new states of the buckets of `PACED`."""

    wait: float
    tats: tuple[float, float]


def objection_to(claim: Claim, entry: Entry | None) -> ClaimInProgress | LeaseExpired | Finished | None:
    """Why the event cannot be claimed now; None when only the delivery order or the rate limits can prevent it."""
    if entry is None:
        return None
    if entry.state == State.FINISHED:
        return Finished(entry.outcome or b"")
    running = entry.until > claim.now
    if entry.state == State.CALLING:
        return ClaimInProgress(entry.until) if running else LeaseExpired(entry.attempt)
    if running and entry.owner != claim.owner:
        return ClaimInProgress(entry.until)
    return None


def blocked_by(claim: Claim, ahead: Entry | None) -> Blocked | None:
    """Why the claim must wait for the message before it, whose entry is `ahead`; None when it need not wait.

    A call whose lease ended is never repeated, so it blocks nothing.
    """
    if claim.after is None or (ahead is not None and ahead.state == State.FINISHED):
        return None
    if ahead is None:
        until = (claim.blocked_since or claim.now) + MAX_ORDER_WAIT
    else:
        until = ahead.until if ahead.state == State.CALLING else ahead.until + MAX_ORDER_WAIT
    return Blocked(until) if claim.now < until else None


def claim_of_other_owner(entry: Entry | None, owner: str | None, now: datetime) -> ClaimInProgress | None:
    """The call in progress of an owner other than `owner`; None when there is none, or `owner` is None."""
    if owner is None or entry is None or entry.state != State.CALLING or entry.owner == owner or entry.until <= now:
        return None
    return ClaimInProgress(entry.until)


def bucket_ids(claim: Claim) -> tuple[str, ...]:
    """The ids of a claim's buckets, in the order of `SCOPES`."""
    return tuple(
        bucket_id(
            scope,
            bucket_key(
                scope,
                number_id=claim.number_id,
                customer_key=claim.customer_key,
                business_account_id=claim.business_account_id,
            ),
        )
        for scope in SCOPES
    )


def bucket_id(scope: str, key: str) -> str:
    """The key under which a bucket is stored."""
    return f"{scope}:{key}"


def slots_for(claim: Claim, buckets: Mapping[str, Bucket]) -> Slots | RateLimited:
    """When the claim's message may be sent, given its `buckets` by id (a missing bucket is new)."""
    now = claim.now.timestamp()
    found = {scope: buckets.get(name, Bucket()) for scope, name in zip(SCOPES, bucket_ids(claim), strict=True)}
    start = max(now, *(bucket.held_until for bucket in found.values()))
    number, pair, pace = found["number"], found["pair"], claim.pace
    rate = pace.number_rate * recovered_factor(number.factor, now - number.slowed_at)
    slots = {
        "number": next_slot(number.tat, start, rate_per_s=rate, burst=pace.number_burst),
        "pair": next_slot(pair.tat, start, rate_per_s=1 / pace.pair_interval, burst=pace.pair_burst),
    }
    waits = {scope: max(0.0, bucket.held_until - now) for scope, bucket in found.items()}
    for scope, slot in slots.items():
        if slot.wait_s > _ROUNDING:
            waits[scope] = start - now + slot.wait_s
    slowest = max(waits, key=lambda scope: waits[scope])
    if waits[slowest] > pace.max_wait:
        return RateLimited(waits[slowest], slowest)
    return Slots(waits[slowest], (slots["number"].tat, slots["pair"].tat))


def bucket_after_hold(bucket: Bucket, until: float, slow_down: float) -> Bucket:
    """The bucket after a hold until `until` and a slow-down; the rate recovers from `until` on."""
    later = max(bucket.held_until, until)
    if slow_down >= 1:
        return Bucket(bucket.tat, later, bucket.factor, bucket.slowed_at)
    left = recovered_factor(bucket.factor, until - bucket.slowed_at)
    return Bucket(bucket.tat, later, slowed_factor(left, slow_down), later)
