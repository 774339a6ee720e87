"""`retry_delay`: how long to wait before a message that was not sent is offered again, and when to give up."""

from collections.abc import Callable
from dataclasses import dataclass

Random = Callable[[], float]
"""A random number in [0, 1); passed in, so that tests can fix it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryLimits:
    """How often (`attempts`, the first call included) and for how long in all (`total_s`) a message is offered.

    Pauses are drawn from [0, min(`cap_s`, `first_s` * 2^n)): full jitter, which spreads many retries evenly.
    """

    attempts: int = 3
    total_s: float = 6.0
    first_s: float = 0.25
    cap_s: float = 2.0


def retry_delay(
    attempt: int, elapsed_s: float, *, limits: RetryLimits, random: Random, retry_after: float | None = None
) -> float | None:
    """Seconds to wait after the `attempt`-th failure (from 1), `elapsed_s` after the first call; None: give up.

    The pause is never shorter than a `Retry-After`: the jitter is added to it.
    """
    if attempt >= limits.attempts:
        return None
    upper = min(limits.cap_s, limits.first_s * 2.0 ** min(attempt - 1, 32))
    pause = random() * upper + (retry_after or 0.0)
    return pause if elapsed_s + pause <= limits.total_s else None
