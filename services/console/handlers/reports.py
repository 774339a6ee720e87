"""Reports on request: compiled, written down as read, and shown in one of four forms."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from libs.contracts.events import ReportRead
from libs.store.accounts import Account, Directory
from libs.store.outbox import Outbox
from services.console.domain.documents import Document
from services.console.domain.principals import invalid
from services.console.domain.reporting.figures import ComplianceReport
from services.console.domain.reporting.periods import Period, period_from
from services.console.domain.reports import Format, ReportQuery
from services.console.handlers.calling import Answer, Call
from services.console.handlers.changing import Changes
from services.console.handlers.compiling import Compile
from services.console.ports import Renders

NAME = "compliance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """The calls under `/reports`."""

    directory: Directory
    compile: Compile
    outbox: Outbox
    changes: Changes
    renders: Mapping[Format, Renders]

    async def compliance(self, call: Call[ReportQuery, None]) -> Answer | Document:
        """The compliance report of an account and a period; that it was read is a record."""
        query = call.query
        account = await self.directory.account(query.account_id) if call.principal.sees(query.account_id) else None
        if account is None:
            raise invalid("account_id", "is unknown")
        period = period_from(query.from_, query.to, account.zone)
        return await self.made(account, period, Format(query.format), by=call.principal.actor)

    async def made(self, account: Account, period: Period, form: Format, *, by: str) -> Answer | Document:
        """Compile, write down who reads it, and show it: nobody reads a report without a record."""
        report = await self.compile(account, period, by=by)
        await self.read(report, form, by=by)
        if form is Format.JSON:
            return Answer(report)
        return await self.rendered(report, form)

    async def read(self, report: ComplianceReport, form: Format, *, by: str) -> None:
        """Write down that a report is read."""
        event = ReportRead(
            account_id=report.account.id,
            actor=by,
            report=NAME,
            format=form.value,
            period_from=report.period.from_,
            period_to=report.period.to,
            sha256=report.proof.sha256,
        )
        await self.outbox.post([self.changes.posted(event, report.generated_at)])
        await self.changes.published()

    async def rendered(self, report: ComplianceReport, form: Format) -> Document:
        """The report as a file; drawn in a thread, since a PDF takes its time."""
        render = self.renders[form]
        content = await asyncio.to_thread(render.content, report)
        return Document(content, render.media_type, f"{stem_of(report)}.{form.value}", render.policy)


def stem_of(report: ComplianceReport) -> str:
    """A file's name: what, whose, and which days."""
    return f"{NAME}-{report.account.id}-{report.period.first_day}-{report.period.last_day}"
