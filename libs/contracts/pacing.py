"""How fast a number and a pair may send: the generic cell rate algorithm, one float of state per bucket.

The rule: pure; the store's adapters call it inside their atomic claim, so that all replicas share one pace.
"""

from typing import NamedTuple

NUMBER_PER_SECOND = 80.0
"""Messages a second of one WhatsApp number, in and out together, unless the number says otherwise (Meta)."""
PAIR_PER_SECOND = 1 / 6
"""Messages a second from one number to one customer: one in 6 s (Meta)."""
PAIR_BURST = 10
"""Messages that a pair may send at once before its pace holds."""


class Slot(NamedTuple):
    """When a message may go: in `wait_s` seconds from now; `tat` is the bucket's new state if it does."""

    wait_s: float
    tat: float


def next_slot(tat: float, now: float, *, rate_per_s: float, burst: int) -> Slot:
    """The next free slot of a bucket that lets `burst` through at once and `rate_per_s` on average.

    `tat`, the theoretical arrival time, is the bucket's whole state (0.0 for a new one), in the seconds of
    `now`. Store the returned `tat` only when the slot is taken: a message that will not wait uses nothing up.
    """
    interval = 1 / rate_per_s
    start = max(tat, now)
    return Slot(max(0.0, start - (burst - 1) * interval - now), start + interval)


def number_burst(rate_per_s: float) -> int:
    """How many messages a number may send at once: a tenth of a second's worth, so no second exceeds 110 %."""
    return max(1, round(rate_per_s / 10))


SLOWEST = 1 / 16
"""A number that WhatsApp keeps throttling is never slowed below this part of its rate."""
_RECOVERY_PER_S = 0.1 / 60
"""A slowed number regains a tenth of its rate a minute."""


def slowed(factor: float, slow_down: float) -> float:
    """The part of its rate that a number keeps when it has to slow down by `slow_down` (0.5 halves it)."""
    return max(SLOWEST, factor * min(1.0, slow_down))


def recovered(factor: float, elapsed_s: float) -> float:
    """The part of its rate that a number has `elapsed_s` seconds after it was slowed to `factor`."""
    return min(1.0, factor + max(0.0, elapsed_s) * _RECOVERY_PER_S)


def bucket_key(scope: str, *, account_id: str, number_id: str, customer_key: str) -> str:
    """The key of the bucket (`number`, `pair`, `account`, `app`) that a message goes through."""
    keys = {"number": number_id, "pair": f"{number_id}:{customer_key}", "account": account_id, "app": "app"}
    return keys[scope]
