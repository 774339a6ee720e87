"""Send rates of a number and of a pair of number and customer: the generic cell rate algorithm (GCRA).

The functions are pure. The store's adapters call them inside their atomic claim, so all replicas share one rate.
"""

from typing import NamedTuple

NUMBER_PER_SECOND = 80.0
"""Messages a second of one WhatsApp number, inbound and outbound together (Meta's default)."""
PAIR_PER_SECOND = 1 / 6
"""Messages a second from one number to one customer: one in 6 s (Meta's limit)."""
PAIR_BURST = 10
"""Messages that a pair may send at once before the rate applies."""


class Slot(NamedTuple):
    """The next free slot: `wait_s` seconds from now; `tat` is the bucket's new state when the slot is taken."""

    wait_s: float
    tat: float


def next_slot(tat: float, now: float, *, rate_per_s: float, burst: int) -> Slot:
    """The next free slot of a bucket that allows `burst` messages at once and `rate_per_s` on average.

    `tat`, the theoretical arrival time, is the bucket's whole state (0.0 for a new one), in the seconds of `now`. Store
    the returned `tat` only when the slot is taken.
    """
    interval = 1 / rate_per_s
    start = max(tat, now)
    return Slot(max(0.0, start - (burst - 1) * interval - now), start + interval)


def number_burst(rate_per_s: float) -> int:
    """Messages that a number may send at once: a tenth of a second's rate, so that no second exceeds 110 %."""
    return max(1, round(rate_per_s / 10))


SLOWEST = 1 / 16
"""The lowest factor of a number's rate while WhatsApp throttles it."""
RECOVERY_PER_S = 0.1 / 60
"""A slowed number recovers a tenth of its rate in a minute."""


def slowed_factor(factor: float, slow_down: float) -> float:
    """The factor of a number's rate after WhatsApp throttled it; a `slow_down` of 0.5 halves the factor."""
    return max(SLOWEST, factor * min(1.0, slow_down))


def recovered_factor(factor: float, elapsed_s: float) -> float:
    """The factor of a number's rate `elapsed_s` seconds after it was slowed to `factor`."""
    return min(1.0, factor + max(0.0, elapsed_s) * RECOVERY_PER_S)


def bucket_key(scope: str, *, number_id: str, customer_key: str, business_account_id: str | None) -> str:
    """The key of a message's bucket in `scope` (`number`, `pair`, `waba`, `app`)."""
    return bucket_keys(number_id=number_id, customer_key=customer_key, business_account_id=business_account_id)[scope]


def bucket_keys(*, number_id: str, customer_key: str, business_account_id: str | None) -> dict[str, str]:
    """The keys of a message's buckets by scope.

    While the number's WhatsApp business account is unknown, the bucket of `waba` is the number's own.
    """
    owner = business_account_id or number_id
    return {"number": number_id, "pair": f"{number_id}:{customer_key}", "waba": owner, "app": "app"}
