"""Writes last month's report of every account, once, by whichever console process is first.

Safe to repeat: each report is a job under a lease that is completed after the delivery. When a process dies before
that, another one repeats the job; its files have the same names and its webhook calls the same `Idempotency-Key`.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from libs.chassis.clock import Clock
from libs.chassis.failures import failure_location
from libs.chassis.settlement import is_outage
from libs.chassis.telemetry import logger
from libs.contracts.errors import GatewayError
from libs.store.accounts import Account, Page, Registry
from libs.store.job_leases import JobLeases
from services.console import metrics
from services.console.domain.reports.periods import last_complete_month, month_of
from services.console.domain.reports.requests import Format
from services.console.handlers.reports.requests import Reports
from services.console.ports import DeliverReport

log = logger(__name__)
ACTOR = "schedule"
LEASE_SECONDS = 300.0
PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteMonthlyReports:
    """Writes the reports that are due; to be called periodically."""

    reports: Reports
    registry: Registry
    job_leases: JobLeases
    deliveries: Sequence[DeliverReport]
    formats: Sequence[Format]
    owner: str
    clock: Clock

    async def __call__(self) -> int:
        """Write every report that is due and that no other process works on; returns how many.

        One account's failure holds up no other account. During an outage the round ends. No GatewayError.
        """
        written = waiting = 0
        try:
            async for account in self._accounts():
                outcome = await self._outcome(account)
                written += outcome == "written"
                waiting += outcome in {"delayed", "failed"}
        except GatewayError as failure:
            waiting += 1
            metrics.SCHEDULED_REPORTS.labels("delayed").inc()
            log.warning("scheduled reports delayed", code=failure.code.value)
        metrics.REPORTS_WAITING.set(waiting)
        return written

    async def _outcome(self, account: Account) -> str | None:
        """`written`, `delayed` or `failed`; None when nothing is due here. Raises GatewayError during an outage."""
        try:
            outcome = await self._write(account)
        except Exception as failure:
            if is_outage(failure):
                raise
            known = isinstance(failure, GatewayError)
            outcome = "delayed" if known else "failed"
            what = failure.code.value if isinstance(failure, GatewayError) else type(failure).__name__
            at = None if known else failure_location(failure)
            log.warning("scheduled report not written", account_id=account.id, outcome=outcome, failure=what, at=at)
        if outcome is not None:
            metrics.SCHEDULED_REPORTS.labels(outcome).inc()
        return outcome

    async def _write(self, account: Account) -> str | None:
        now = self.clock()
        month = last_complete_month(now, account.zone)
        period = month_of(month, account.zone)
        if account.created_at >= period.to:
            return None  # the account is younger than the period
        job_id = f"report:{account.id}:{month}"
        if not await self.job_leases.acquire(job_id, owner=self.owner, now=now, lease_seconds=LEASE_SECONDS):
            return None
        report = await self.reports.build(account, period, by=ACTOR)
        documents = [await self.reports.document(report, format_) for format_ in self.formats]
        for deliver in self.deliveries:
            if not await deliver(job_id, documents):
                return "delayed"  # the lease ends by itself; then the job is repeated
        for format_ in self.formats:
            await self.reports.record_reading(report, format_, by=ACTOR)
        return "written" if await self.job_leases.complete(job_id, owner=self.owner, now=self.clock()) else None

    async def _accounts(self) -> AsyncIterator[Account]:
        after = None
        while rows := await self.registry.page(Account, Page(limit=PAGE, after=after)):
            for account in rows:
                yield account
            after = rows[-1].id
