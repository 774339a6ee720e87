"""`VerificationLease`: lets one replica verify at a time, and half of the time pass without load."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from libs.chassis.clock import Clock, Monotonic, monotonic
from libs.store.job_leases import JobLeases

LEASE_SECONDS = 120.0
"""After a crash, another replica begins this much later."""
RENEWAL_SECONDS = 30.0
LONGEST_PAUSE = 0.5


class LeaseLost(Exception):  # noqa: N818 -- reads as what happened
    """Another replica has taken the lease: this process was suspended, or its clock differs."""


@dataclass(slots=True, kw_only=True)
class VerificationLease:
    """The lease of one job. Awaiting it between two pages pauses and renews it."""

    job_id: str
    owner: str
    leases: JobLeases
    clock: Clock
    monotonic: Monotonic = monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _renewed_at: float = field(default=0.0, init=False)
    _resumed_at: float = field(default=0.0, init=False)

    async def acquire(self, seconds: float = LEASE_SECONDS) -> bool:
        """Take or renew the lease; False while another replica has it."""
        self._renewed_at = self._resumed_at = self.monotonic()
        return await self.leases.acquire(self.job_id, owner=self.owner, now=self.clock(), lease_seconds=seconds)

    async def release(self) -> None:
        """End the lease. It is never completed: the job is due again and again."""
        await self.acquire(0.0)

    async def __call__(self) -> None:
        """Pause for as long as the work since the last pause took. Raises LeaseLost."""
        if self.monotonic() - self._renewed_at > RENEWAL_SECONDS and not await self.acquire():
            raise LeaseLost
        await self.sleep(min(self.monotonic() - self._resumed_at, LONGEST_PAUSE))
        self._resumed_at = self.monotonic()
