"""Allowances: how often something may be done within a time, counted for all replicas together."""

from datetime import datetime, timedelta
from typing import Final, Protocol

LONGEST: Final = timedelta(days=30)
"""The longest time that an allowance may cover."""


class Allowances(Protocol):
    """Counts what is taken of each allowance in the time before now: a sliding window, not one of the clock."""

    async def take(self, key: str, *, limit: int, within: timedelta, now: datetime) -> float | None:
        """Take one of `limit` and return None; or take nothing, and return the seconds until one is free again.

        Two calls at once never take the same one. What was taken later than `now`, before the clock was set back,
        counts as taken now.
        """

    async def renew(self, key: str) -> None:
        """Forget what was taken."""
