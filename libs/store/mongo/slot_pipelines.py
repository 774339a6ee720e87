"""The update pipelines of rate-limit buckets: one operation on a number's document takes both slots of a message.

The rule: the database computes, so that any number of claims at once need no retry. The pipelines compute the same as
`libs.store.claim_rules`; only operators that every engine knows are used.

A number's document has its `Bucket`, and in `pairs` the buckets of the customers whose rate is not back to that of a
new one. At 80 messages a second these are about 500. `events` are the ones that took a slot for their first call, the
newest first, and `event_slots` the times of these slots: a second delivery of one of them is given the same slot.
Earlier releases leave both alone.
"""

from dataclasses import asdict
from datetime import UTC, datetime
from math import ceil
from typing import Any, Final

from libs.contracts.send_rates import RECOVERY_PER_S, SLOWEST
from libs.contracts.stored_times import TOLERANCE
from libs.store.claim_rules import ROUNDING, Bucket, longest_tats
from libs.store.ledger import Claim
from libs.store.mongo.database import Document

_TOLERANCE_S: Final = TOLERANCE.total_seconds()
_PAIR: Final = ("tat", "held_until", "held_since")
REMEMBERED_S: Final = 5.0
"""For so long after its slot an event has it, and no other one: longer than two deliveries of it pass each other."""
_MOST_REMEMBERED: Final = 1_000
"""About 60 KB. A number that sends more than 200 messages a second remembers its events for less time."""


def slots(claim: Claim, others_until: float, *, others_admit: bool, once: bool = False) -> list[Document]:
    """Take a slot of the claim's number and one of its pair, or none of both.

    `others_until` is when the other scopes are free, `others_admit` whether the message may wait for them. Leaves the
    answer in the document: `waits` of number and pair in seconds, and whether the slots are `taken`. With `once`, an
    event that took its slots just now takes no others: they are its answer.
    """
    now, pace, key = claim.now.timestamp(), claim.pace, claim.customer_key
    longest = longest_tats(pace)
    recovery = _recovery({"$subtract": [now, "$number.slowed_at"]})
    rate = {"$multiply": [pace.number_rate, {"$min": [1.0, {"$add": ["$number.factor", recovery]}]}]}
    intervals = {"number.interval": {"$divide": [1.0, rate]}, "pair.interval": pace.pair_interval}
    start = {"$max": [now, "$number.held_until", "$pair.held_until", others_until]}
    waits = [_wait("$number", now, pace.number_burst), _wait("$pair", now, pace.pair_burst)]
    has_room = {"$and": [others_admit, {"$lte": [{"$max": "$waits"}, pace.max_wait]}]}
    taken = {"$cond": ["$again", others_admit, has_room]}
    known: Document = {"found": _slot_of(claim.event_id)} if once else {}
    slot: Document = {"slot": {"$arrayElemAt": [_if_null("$event_slots", []), "$found"]}} if once else {}
    again = _is_remembered(now, pace.max_wait) if once else False
    events = _events_if_taken(claim, now) if once else {}
    return [
        {"$set": {"number": _number_at(now, longest["number"]), "pairs": _pairs_at(now, longest["pair"]), **known}},
        {"$set": {"pair": _pair_of(key), "pairs": _pairs_without(key), **slot}},
        {"$set": {"start": start, "again": again, **intervals}},
        {"$set": {"waits": {"$cond": ["$again", _waits_again(now), waits]} if once else waits}},
        {"$set": {"takes": {"$and": [{"$eq": ["$again", False]}, has_room]}, "taken": taken}},
        {"$set": {"number.tat": _tat_after("$number"), "pair": {**_kept("$pair"), "tat": _tat_after("$pair")}}},
        {"$set": {**_number_if_taken(), "pairs": _with_pair("$pair", now), **events, "touched_at": _date(now)}},
        {"$unset": ["start", "number", "pair", "takes", "again", "found", "slot"]},
    ]


def hold(until: float, slow_down: float, now: float) -> list[Document]:
    """`libs.store.claim_rules.bucket_after_hold` of the document's own bucket."""
    later = {"$max": ["$held_until", until]}
    held: Document = {"held_until": later, "held_since": now}
    if slow_down < 1:
        left = {"$min": [1.0, {"$add": ["$factor", _recovery({"$subtract": [until, "$slowed_at"]})]}]}
        held |= {"factor": {"$max": [SLOWEST, {"$multiply": [left, slow_down]}]}, "slowed_at": later}
    return [{"$set": _number_at(now, None)}, {"$set": {**held, "touched_at": _date(now)}}]


def hold_pair(customer_key: str, until: float, now: float) -> list[Document]:
    """`libs.store.claim_rules.bucket_after_hold` of one pair in the number's document."""
    held = {**_kept("$pair"), "held_until": {"$max": ["$pair.held_until", until]}, "held_since": now}
    return [
        {"$set": {"pairs": _pairs_at(now, None)}},
        {"$set": {"pair": _pair_of(customer_key), "pairs": _pairs_without(customer_key)}},
        {"$set": {"pair": held}},
        {"$set": {"pairs": _with_pair("$pair", now), "touched_at": _date(now)}},
        {"$unset": ["pair"]},
    ]


def _number_at(now: float, longest: float | None) -> Document:
    """`libs.store.claim_rules.bucket_at`, for the document's own bucket; without `longest` its `tat` stays."""
    stored = _number()
    reset = _is_later(stored["held_since"], now, 0.0)
    return {
        "tat": _brought_back(stored["tat"], now, longest),
        "factor": stored["factor"],
        **{name: {"$cond": [reset, now, stored[name]]} for name in ("held_until", "slowed_at", "held_since")},
    }


def _number() -> Document:
    """The document's own bucket as it is stored."""
    return {name: _if_null(f"${name}", default) for name, default in asdict(Bucket()).items()}


def _number_if_taken() -> Document:
    """The bucket in `number` when the slots are taken, else the stored one."""
    return {name: {"$cond": ["$takes", f"$number.{name}", stored]} for name, stored in _number().items()}


def _pairs_at(now: float, longest: float | None) -> Document:
    """The pairs as `libs.store.claim_rules.bucket_at` has them."""
    reset = _is_later("$$pair.held_since", now, 0.0)
    pair = {
        "key": "$$pair.key",
        "tat": _brought_back("$$pair.tat", now, longest),
        **{name: {"$cond": [reset, now, f"$$pair.{name}"]} for name in ("held_until", "held_since")},
    }
    return {"$map": {"input": _if_null("$pairs", []), "as": "pair", "in": pair}}


def _pair_of(customer_key: str) -> Document:
    found = {"$filter": {"input": "$pairs", "as": "pair", "cond": {"$eq": ["$$pair.key", {"$literal": customer_key}]}}}
    new = {"key": {"$literal": customer_key}, **dict.fromkeys(_PAIR, 0.0)}
    return _if_null({"$arrayElemAt": [found, 0]}, new)


def _pairs_without(customer_key: str) -> Document:
    others = {"$ne": ["$$pair.key", {"$literal": customer_key}]}
    return {"$filter": {"input": "$pairs", "as": "pair", "cond": others}}


def _with_pair(pair: str, now: float) -> Document:
    """The pairs and this one, without those that equal a new one."""
    busy = {"$gt": [{"$max": ["$$pair.tat", "$$pair.held_until"]}, now]}
    return {"$filter": {"input": {"$concatArrays": ["$pairs", [pair]]}, "as": "pair", "cond": busy}}


def _slot_of(event_id: str) -> Document:
    """Where in `events` the event is; -1 when it is not there."""
    return {"$indexOfArray": [_if_null("$events", []), {"$literal": event_id}]}


def _is_remembered(now: float, longest_wait: float) -> Document:
    """Whether the event has a slot that still counts; one that is too far ahead is from another clock."""
    counts = [{"$gt": ["$slot", now - REMEMBERED_S]}, {"$eq": [_is_later("$slot", now, longest_wait), False]}]
    return {"$and": [{"$gte": ["$found", 0]}, *counts]}


def _waits_again(now: float) -> list[Any]:
    return [{"$max": [0.0, {"$subtract": ["$slot", now]}]}, 0.0]


def _events_if_taken(claim: Claim, now: float) -> Document:
    """The remembered events, with this one if it takes its slots. Their number follows from the number's rate."""
    most = min(_MOST_REMEMBERED, claim.pace.number_burst + ceil(claim.pace.number_rate * REMEMBERED_S))
    new = {"events": {"$literal": claim.event_id}, "event_slots": {"$add": [now, {"$max": "$waits"}]}}
    return {name: _with_first(each, _if_null(f"${name}", []), most) for name, each in new.items()}


def _with_first(new: Any, stored: Document, most: int) -> Document:
    return {"$cond": ["$takes", {"$slice": [{"$concatArrays": [[new], stored]}, most]}, stored]}


def _kept(pair: str) -> Document:
    return {name: f"{pair}.{name}" for name in ("key", *_PAIR)}


def _wait(bucket: str, now: float, burst: int) -> Document:
    """The seconds until the bucket's next slot (`libs.contracts.send_rates.next_slot`), or until its hold ends."""
    first = {"$max": [f"{bucket}.tat", "$start"]}
    slot = {"$subtract": [{"$subtract": [first, {"$multiply": [burst - 1, f"{bucket}.interval"]}]}, "$start"]}
    paced = {"$add": [{"$subtract": ["$start", now]}, slot]}
    return {"$cond": [{"$gt": [slot, ROUNDING]}, paced, {"$max": [0.0, {"$subtract": [f"{bucket}.held_until", now]}]}]}


def _tat_after(bucket: str) -> Document:
    taken = {"$add": [{"$max": [f"{bucket}.tat", "$start"]}, f"{bucket}.interval"]}
    return {"$cond": ["$takes", taken, f"{bucket}.tat"]}


def _recovery(elapsed: Document) -> Document:
    return {"$multiply": [{"$max": [0.0, elapsed]}, RECOVERY_PER_S]}


def _brought_back(time: Any, now: float, longest: float | None) -> Any:
    return time if longest is None else {"$cond": [_is_later(time, now, longest), now, time]}


def _is_later(time: Any, now: float, longest: float) -> Document:
    return {"$gt": [{"$subtract": [time, now]}, longest + _TOLERANCE_S]}


def _date(now: float) -> datetime:
    return datetime.fromtimestamp(now, UTC)


def _if_null(value: Any, default: Any) -> Document:
    return {"$ifNull": [value, default]}
