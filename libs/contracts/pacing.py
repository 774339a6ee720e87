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
