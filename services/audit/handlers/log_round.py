"""`LogRound`: one round of the cumulative log on one replica at a time: sequence, sign, have attested, write out."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from libs.chassis.clock import Clock
from libs.store.job_leases import JobLeases

LEASE_SECONDS: Final = 120.0
"""After a crash another replica goes on so much later. A round that takes longer may meet another; both are safe."""
JOB: Final = "log"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRound:
    """The periodic job. Its steps are safe to repeat; one that fails ends the round, and the next round begins anew."""

    steps: Sequence[Callable[[], Awaitable[None]]]
    job_leases: JobLeases
    owner: str
    clock: Clock

    async def __call__(self) -> None:
        """Take the steps, unless another replica does."""
        if not await self._lease(LEASE_SECONDS):
            return
        try:
            for step in self.steps:
                await step()
        finally:
            await self._lease(0.0)

    async def _lease(self, seconds: float) -> bool:
        return await self.job_leases.acquire(JOB, owner=self.owner, now=self.clock(), lease_seconds=seconds)
