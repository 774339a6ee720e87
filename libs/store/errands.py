"""What several processes may set out to do and one must: a scheduled report, once for an account and month."""

from datetime import datetime
from typing import Protocol


class Errands(Protocol):
    """Who does what, and what is done."""

    async def begin(self, errand_id: str, *, owner: str, now: datetime, lease_seconds: float) -> bool:
        """True when the errand is the caller's from now on: it is not done, and nobody else's lease runs.

        A process that dies loses its lease in time, and another one begins anew: what an errand does must be safe to
        repeat.
        """
        ...

    async def finish(self, errand_id: str, *, owner: str, now: datetime) -> bool:
        """The errand is done for ever; False when it was taken over meanwhile."""
        ...
