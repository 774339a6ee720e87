"""How long to wait before a message that was surely not taken is offered again, and when to give up."""

from collections.abc import Callable
from dataclasses import dataclass

Chance = Callable[[], float]
"""A number in [0, 1), at random; passed in, so that tests know it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryLimits:
    """How often (`attempts`, the first call included) and how long in all (`total_s`) a message is offered.

    Pauses are drawn from [0, min(`cap_s`, `first_s` * 2^n)): full jitter, which spreads a crowd of retries best.
    """

    attempts: int = 3
    total_s: float = 6.0
    first_s: float = 0.25
    cap_s: float = 2.0


def pause_after(
    attempt: int,
    elapsed_s: float,
    *,
    limits: RetryLimits,
    chance: Chance,
    retry_after: float | None = None,
) -> float | None:
    """Seconds to wait after the `attempt`-th failure (from 1), `elapsed_s` after the first call; None: give up.

    A `Retry-After` is never undercut: the jitter comes on top of it.
    """
    if attempt >= limits.attempts:
        return None
    widest = min(limits.cap_s, limits.first_s * 2.0 ** min(attempt - 1, 32))
    pause = chance() * widest + (retry_after or 0.0)
    return pause if elapsed_s + pause <= limits.total_s else None
