"""The rules of a ledger claim: whether an event may be claimed, and when its message may be sent.

The rule: pure functions, which each adapter calls inside its atomic claim, so that all adapters decide the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, unique
from functools import partial
from typing import Final

from libs.contracts.send_rates import SLOWEST, bucket_key, bucket_keys, next_slot, recovered_factor, slowed_factor
from libs.contracts.stored_times import brought_back, brought_back_s
from libs.store.ledger import Blocked, Claim, ClaimInProgress, Finished, LeaseExpired, Pace, RateLimited, Seen

PACED = ("number", "pair")
"""The scopes in whose buckets a message uses a slot, in this order."""
SCOPES = (*PACED, "waba", "app")
"""All scopes that can be held."""
ROUNDING = 1e-5
"""Shorter waits count as none: a float of today's Unix seconds resolves a quarter of a microsecond."""
EARLY_TIMER = 0.01
"""By how many seconds at most a timer ends a wait early, or another clock sees its end late."""
MAX_ORDER_WAIT = timedelta(seconds=60)
"""How long an earlier message blocks a later one while it is not claimed, or waits for its next attempt.

Deliveries return within seconds of a crash. One that takes longer is a dead letter, or its sender has an outage.
"""

LONGEST_LEASE = timedelta(seconds=150)
"""The longest wait and lease of a claim that the settings allow: 10 s for a slot, 120 s for the call, 5 s to write."""


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
    erased: bool = False
    """Whether an erasure of the customer met a call of the event."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """The state of the rate limit of one scope and key; times in Unix seconds, 0 for never."""

    tat: float = 0.0
    """The theoretical arrival time of the generic cell rate algorithm (`libs.contracts.send_rates`)."""
    held_until: float = 0.0
    factor: float = 1.0
    """The fraction of its rate that a number had at `slowed_at`."""
    slowed_at: float = 0.0
    held_since: float = 0.0
    """When the last hold or slow-down was stored."""

    def with_tat(self, tat: float) -> "Bucket":
        """The bucket with this `tat`. Every claim makes two: `dataclasses.replace` takes several times as long."""
        return Bucket(tat, self.held_until, self.factor, self.slowed_at, self.held_since)


NEW_BUCKET: Final = Bucket()
"""The state of a bucket that nobody has used."""


@dataclass(frozen=True, slots=True)
class Slots:
    """The message may be sent after `wait` seconds; `buckets` are the new states of the buckets of `PACED`."""

    wait: float
    buckets: tuple[Bucket, Bucket]


def objection_to(claim: Claim, entry: Entry | None) -> ClaimInProgress | LeaseExpired | Finished | None:
    """Why the event cannot be claimed now; None when only the delivery order or the rate limits can prevent it."""
    if entry is None:
        return None
    if entry.state == State.FINISHED:
        return Finished(entry.outcome or b"")
    running = ends_at(entry, claim.now) > claim.now
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
    elif ahead.state == State.CALLING:
        until = ends_at(ahead, claim.now)
    else:
        until = brought_back(ahead.until, claim.now, LONGEST_LEASE) + MAX_ORDER_WAIT
    return Blocked(until) if claim.now < until else None


def ends_at(entry: Entry, now: datetime) -> datetime:
    """When the entry's lease ends: now, when the clock was set back so that it would outlast every lease.

    A call is then taken for one whose process died: its outcome is unknown, and it is never repeated.
    """
    return brought_back(entry.until, now, LONGEST_LEASE)


def erased_during(state: str | None, *, erased: bool) -> bool | None:
    """What `finish` says of an entry that was in this state, None for no entry, before the outcome was written."""
    return erased if state == State.CALLING else None


def claim_of_other_owner(entry: Entry | None, owner: str | None, now: datetime) -> ClaimInProgress | None:
    """The call in progress of an owner other than `owner`; None when there is none, or `owner` is None."""
    if owner is None or entry is None or entry.state != State.CALLING or entry.owner == owner:
        return None
    if ends_at(entry, now) <= now:
        return None
    return ClaimInProgress(entry.until)


def bucket_ids(claim: Claim) -> tuple[str, ...]:
    """The ids of a claim's buckets, in the order of `SCOPES`."""
    keys = bucket_keys(
        number_id=claim.number_id,
        customer_key=claim.customer_key,
        business_account_id=claim.business_account_id,
    )
    return tuple([f"{scope}:{keys[scope]}" for scope in SCOPES])  # as `bucket_id`


def hold_ids(number_id: str, business_account_id: str | None) -> tuple[str, ...]:
    """The ids of the buckets that are held and have no slots: those of the scopes after `PACED`."""
    key = partial(bucket_key, number_id=number_id, customer_key="", business_account_id=business_account_id)
    return tuple(bucket_id(scope, key(scope)) for scope in SCOPES[len(PACED) :])


def holds_at(seen: Seen, now: datetime) -> tuple[float, float]:
    """Until when business account and app are held, brought back to now if the clock was set back."""
    since_epoch = now.timestamp()
    account, app = (
        bucket_at(since_epoch, Bucket(held_until=until, held_since=since), 0.0).held_until
        for until, since in seen.holds
    )
    return account, app


def is_held(seen: Seen, now: datetime) -> bool:
    """Whether a claim must be undone that knew no hold of business account and app, and has not waited for its end."""
    return max(holds_at(seen, now)) > now.timestamp() + EARLY_TIMER


def bucket_id(scope: str, key: str) -> str:
    """The key under which a bucket is stored."""
    return f"{scope}:{key}"


def slots_for(claim: Claim, buckets: Mapping[str, Bucket], *, at: datetime) -> Slots | RateLimited:
    """When the claim's message may be sent, given its `buckets` by id at this time (a missing bucket is new)."""
    now = at.timestamp()
    pace = claim.pace
    longest = longest_tats(pace)
    found = {
        scope: bucket_at(now, buckets[name], longest.get(scope, 0.0)) if name in buckets else NEW_BUCKET
        for scope, name in zip(SCOPES, bucket_ids(claim), strict=True)
    }
    start = max(now, *[bucket.held_until for bucket in found.values()])
    number, pair = found["number"], found["pair"]
    rate = pace.number_rate * recovered_factor(number.factor, now - number.slowed_at)
    slots = {
        "number": next_slot(number.tat, start, rate_per_s=rate, burst=pace.number_burst),
        "pair": next_slot(pair.tat, start, rate_per_s=1 / pace.pair_interval, burst=pace.pair_burst),
    }
    waits = {scope: max(0.0, bucket.held_until - now) for scope, bucket in found.items()}
    for scope, slot in slots.items():
        if slot.wait_s > ROUNDING:
            waits[scope] = start - now + slot.wait_s
    slowest = slowest_of(waits)
    if waits[slowest] > pace.max_wait:
        return RateLimited(waits[slowest], slowest)
    return Slots(waits[slowest], (number.with_tat(slots["number"].tat), pair.with_tat(slots["pair"].tat)))


def longest_tats(pace: Pace) -> dict[str, float]:
    """How far ahead of now, in seconds, the `tat` of a number and of a pair can be, unless the clock was set back."""
    return {
        "number": pace.max_wait + pace.number_burst / (pace.number_rate * SLOWEST),
        "pair": pace.max_wait + pace.pair_burst * pace.pair_interval,
    }


def slowest_of(waits: Mapping[str, float]) -> str:
    """The scope with the longest wait; of equal ones the first."""
    return max(waits, key=waits.__getitem__)


def bucket_at(now: float, bucket: Bucket, longest: float) -> Bucket:
    """The bucket with its times brought back to `now` if the clock was set back; `longest` is that of `tat`."""
    tat = brought_back_s(bucket.tat, now, longest)
    if brought_back_s(bucket.held_since, now, 0.0) != bucket.held_since:
        return Bucket(tat, now, bucket.factor, now, now)
    return bucket if tat == bucket.tat else bucket.with_tat(tat)


def bucket_after_hold(bucket: Bucket, until: float, slow_down: float, *, now: float) -> Bucket:
    """The bucket after a hold until `until` and a slow-down; the rate recovers from `until` on."""
    before = bucket_at(now, bucket, bucket.tat)
    later = max(before.held_until, until)
    if slow_down >= 1:
        return Bucket(before.tat, later, before.factor, before.slowed_at, now)
    left = recovered_factor(before.factor, until - before.slowed_at)
    return Bucket(before.tat, later, slowed_factor(left, slow_down), later, now)
