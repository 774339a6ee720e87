"""Leases for jobs that several replicas may start and one must do, such as an account's monthly report."""

from datetime import datetime
from typing import Protocol


class JobLeases(Protocol):
    """Which replica does a job, and which jobs are done."""

    async def acquire(self, job_id: str, *, owner: str, now: datetime, lease_seconds: float) -> bool:
        """Take the job's lease. False when the job is done, or another owner's lease runs.

        The lease of a process that died ends, and another process starts the job again: a job must be safe to repeat.
        So does a lease that was taken after `now`, since the clock was set back and it would last that much longer;
        not when `lease_seconds` is 0, which only looks, or gives a lease back, at a time that may be an event's.
        """

    async def complete(self, job_id: str, *, owner: str, now: datetime) -> bool:
        """Mark the job as done for good. False when another owner has taken the lease."""
