"""The approval rate of an account: messages per ten-minute slot of the clock, and their moving average.

The rule: pure; the adapters store one `ApprovalRate` per account and change it inside their atomic `decide`.
"""

from dataclasses import dataclass
from datetime import datetime

from libs.store.decisions import TEN_MINUTES

WEIGHT = 0.2
"""The weight of a closed slot with approvals in the moving average."""


@dataclass(frozen=True, slots=True)
class ApprovalRate:
    """The last slot with approvals, its count, and `normal`, the moving average before it."""

    slot: int = 0
    count: int = 0
    normal: float = 0.0


def slot_from(now: datetime) -> int:
    """The number of the ten-minute slot at `now`, counted from 1970 (UTC)."""
    return int(now.timestamp()) // TEN_MINUTES


def rate_in_slot(rate: ApprovalRate, slot: int, *, newest: int | None = None) -> ApprovalRate:
    """The rate as of `slot`: closes an older count, which moves the average. Empty slots do not move it.

    `newest` is the slot of the clock, if it is not `slot`. A count beyond the slot after it is from before the clock
    was set back, and is closed too: otherwise all messages would add to it until the clock reaches its slot again.
    """
    if slot <= rate.slot <= (slot if newest is None else newest) + 1:
        return rate
    normal = (1 - WEIGHT) * rate.normal + WEIGHT * rate.count if rate.count else rate.normal
    return ApprovalRate(slot, 0, normal)


def rate_after_approval(rate: ApprovalRate, slot: int, *, newest: int | None = None) -> ApprovalRate:
    """The rate after one more approval in `slot`. A clock that lags adds to the newest count."""
    seen = rate_in_slot(rate, slot, newest=newest)
    return ApprovalRate(seen.slot, seen.count + 1, seen.normal)
