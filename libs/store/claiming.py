"""Who may claim a call, and when it may go: what the ledger's adapters decide inside their atomic claim.

The rule: pure; values in, value out, so that every adapter answers alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, unique

from libs.contracts.pacing import bucket_key, next_slot, recovered, slowed
from libs.store.ledger import Behind, Claim, Finished, Held, Lapsed, TooFast

PACED = ("number", "pair")
"""The scopes whose buckets a message uses up, in this order."""
SCOPES = (*PACED, "account", "app")
"""All scopes that can be held."""
_ROUNDING = 1e-5
"""A shorter wait is none: a float of today's Unix seconds is no finer than a quarter of a microsecond."""
PATIENCE = timedelta(seconds=60)
"""How long a message waits for an earlier one that nobody has claimed, or whose sender may have died between two tries.

Deliveries come back within seconds of a crash; what is away for longer lies among the dead letters or in an outage.
"""


@unique
class State(StrEnum):
    """What a ledger entry is in (see `libs.store.ledger`)."""

    CALLING = "calling"
    WAITING = "waiting"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Entry:
    """What the ledger knows of an event."""

    state: str
    owner: str
    attempt: int
    until: datetime
    outcome: bytes | None


@dataclass(frozen=True, slots=True)
class Bucket:
    """The pace of one scope and key; all times are Unix seconds, 0 for never."""

    tat: float = 0.0
    held_until: float = 0.0
    factor: float = 1.0
    """The part of its rate that a number had left at `slowed_at`."""
    slowed_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Slots:
    """The message may go after `wait` seconds; `tats` is what number's and pair's buckets become, as in `PACED`."""

    wait: float
    tats: tuple[float, float]


def objection_to(claim: Claim, entry: Entry | None) -> Held | Lapsed | Finished | None:
    """Why this event cannot be claimed now; None when only its pace can still object."""
    if entry is None:
        return None
    if entry.state == State.FINISHED:
        return Finished(entry.outcome or b"")
    running = entry.until > claim.now
    if entry.state == State.CALLING:
        return Held(entry.until) if running else Lapsed(entry.attempt)
    if running and entry.owner != claim.owner:
        return Held(entry.until)
    return None


def in_line(claim: Claim, ahead: Entry | None) -> Behind | None:
    """Why the claim has to wait for the message before it; `ahead` is that one's entry. None when it need not.

    A call whose lease ended is never repeated, so nobody waits for it.
    """
    if claim.after is None or (ahead is not None and ahead.state == State.FINISHED):
        return None
    if ahead is None:
        until = (claim.behind_since or claim.now) + PATIENCE
    else:
        until = ahead.until if ahead.state == State.CALLING else ahead.until + PATIENCE
    return Behind(until) if claim.now < until else None


def kept_by_another(entry: Entry | None, owner: str | None, now: datetime) -> Held | None:
    """Whose call is under way, when that is not `owner`; None also when nobody in particular asks."""
    if owner is None or entry is None or entry.state != State.CALLING or entry.owner == owner or entry.until <= now:
        return None
    return Held(entry.until)


def bucket_ids(claim: Claim) -> tuple[str, ...]:
    """The buckets that a claim goes through, in the order of `SCOPES`."""
    return tuple(
        bucket_id(
            scope,
            bucket_key(scope, account_id=claim.account_id, number_id=claim.number_id, customer_key=claim.customer_key),
        )
        for scope in SCOPES
    )


def bucket_id(scope: str, key: str) -> str:
    """What a bucket is stored under."""
    return f"{scope}:{key}"


def slots_for(claim: Claim, buckets: Mapping[str, Bucket]) -> Slots | TooFast:
    """When the claim's message may go, given its `buckets` by their ids (a missing one is new)."""
    now = claim.now.timestamp()
    found = {scope: buckets.get(name, Bucket()) for scope, name in zip(SCOPES, bucket_ids(claim), strict=True)}
    start = max(now, *(bucket.held_until for bucket in found.values()))
    number, pair, pace = found["number"], found["pair"], claim.pace
    rate = pace.number_rate * recovered(number.factor, now - number.slowed_at)
    slots = {
        "number": next_slot(number.tat, start, rate_per_s=rate, burst=pace.number_burst),
        "pair": next_slot(pair.tat, start, rate_per_s=1 / pace.pair_interval, burst=pace.pair_burst),
    }
    waits = {scope: max(0.0, bucket.held_until - now) for scope, bucket in found.items()}
    for scope, slot in slots.items():
        if slot.wait_s > _ROUNDING:
            waits[scope] = start - now + slot.wait_s
    slowest = max(waits, key=lambda scope: waits[scope])
    if waits[slowest] > pace.smooth:
        return TooFast(waits[slowest], slowest)
    return Slots(waits[slowest], (slots["number"].tat, slots["pair"].tat))


def held(bucket: Bucket, until: float, slow_down: float) -> Bucket:
    """The bucket after WhatsApp asked to wait until `until` and to slow down; recovery begins at `until`."""
    later = max(bucket.held_until, until)
    if slow_down >= 1:
        return Bucket(bucket.tat, later, bucket.factor, bucket.slowed_at)
    left = recovered(bucket.factor, until - bucket.slowed_at)
    return Bucket(bucket.tat, later, slowed(left, slow_down), later)
