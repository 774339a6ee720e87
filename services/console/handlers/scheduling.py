"""Scheduled reports: last month's, once for each account, by whichever console is first.

Safe to repeat: an errand is taken under a lease and finished once the report is out; a console that dies in between
leaves it to the next, whose files have the same names and whose posts carry the same id.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from libs.chassis.clock import Clock
from libs.chassis.telemetry import logger
from libs.contracts.errors import GatewayError
from libs.store.accounts import Account, Page, Registry
from libs.store.errands import Errands
from services.console import metrics
from services.console.domain.reporting.periods import month_before, month_of
from services.console.domain.reports import Format
from services.console.handlers.reports import Reports
from services.console.ports import Delivers

log = logger(__name__)
ACTOR = "schedule"
LEASE_SECONDS = 300.0
PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteMonthly:
    """Writes what is due; to be called every now and then."""

    reports: Reports
    registry: Registry
    errands: Errands
    deliver: Sequence[Delivers]
    formats: Sequence[Format]
    owner: str
    clock: Clock

    async def __call__(self) -> int:
        """Write every report that is due and nobody else's; how many were written. Never raises GatewayError."""
        written = 0
        try:
            async for account in self._accounts():
                written += await self._write(account)
        except GatewayError as failure:
            log.warning("reports wait", code=failure.code.value)
        return written

    async def _write(self, account: Account) -> bool:
        now = self.clock()
        month = month_before(now, account.zone)
        period = month_of(month, account.zone)
        if account.created_at >= period.to:
            return False  # there was no account yet
        errand = f"report:{account.id}:{month}"
        if not await self.errands.begin(errand, owner=self.owner, now=now, lease_seconds=LEASE_SECONDS):
            return False
        report = await self.reports.compile(account, period, by=ACTOR)
        documents = [await self.reports.rendered(report, form) for form in self.formats]
        for deliver in self.deliver:
            if not await deliver(errand, documents):
                metrics.SCHEDULED_REPORTS.labels("delayed").inc()
                return False  # the lease ends by itself, and then somebody tries again
        for form in self.formats:
            await self.reports.read(report, form, by=ACTOR)
        metrics.SCHEDULED_REPORTS.labels("written").inc()
        return await self.errands.finish(errand, owner=self.owner, now=self.clock())

    async def _accounts(self) -> AsyncIterator[Account]:
        after = None
        while rows := await self.registry.page(Account, Page(limit=PAGE, after=after)):
            for account in rows:
                yield account
            after = rows[-1].id
