"""How fast an account approves messages: counts in fixed ten minutes of the clock, and its own normal.

The rule: pure; the adapters keep a `Speed` for each account and change it inside their atomic settle.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from libs.store.decisions import TEN_MINUTES

WEIGHT = 0.2
"""How much a closed ten minutes with approvals counts in the account's normal."""


@dataclass(frozen=True, slots=True)
class Speed:
    """What is kept: the number of the last ten minutes with approvals, how many, and the normal before them."""

    slot: int = 0
    count: int = 0
    normal: float = 0.0


def slot_from(now: datetime) -> int:
    """The number of the ten minutes that `now` lies in, counted from 1970 (UTC)."""
    return int(now.timestamp()) // TEN_MINUTES


def speed_in(speed: Speed, slot: int) -> Speed:
    """The speed as it is seen in `slot`: an older count is closed and moves the normal; empty ones do not."""
    if slot <= speed.slot:
        return speed
    normal = (1 - WEIGHT) * speed.normal + WEIGHT * speed.count if speed.count else speed.normal
    return Speed(slot, 0, normal)


def speed_after(speed: Speed, slot: int) -> Speed:
    """The speed after one more approval in `slot`. A clock that lags adds to the newest count."""
    seen = speed_in(speed, slot)
    return replace(seen, count=seen.count + 1)
