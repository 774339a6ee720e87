"""Leases for jobs that several replicas may start and one must do, such as an account's monthly report."""

from datetime import datetime
from typing import Protocol


class JobLeases(Protocol):
    """Which replica does a job, and which jobs are done."""

    async def acquire(self, job_id: str, *, owner: str, now: datetime, lease_seconds: float) -> bool:
        """Take the job's lease. False when the job is done, or another owner's lease runs.

        The lease of a process that died ends, and another process starts the job again: a job must be safe to repeat.
        """

    async def complete(self, job_id: str, *, owner: str, now: datetime) -> bool:
        """Mark the job as done for good. False when another owner has taken the lease."""
