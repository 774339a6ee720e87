"""The operations under `/reports`: build a report, record that it is read, and answer in one of four formats."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from libs.contracts.events import ReportRead
from libs.store.accounts import Directory
from services.console.domain.documents import Document
from services.console.domain.reports.model import ComplianceReport
from services.console.domain.reports.periods import period_from
from services.console.domain.reports.requests import Format, ReportQuery
from services.console.handlers.accounts import account_in_field
from services.console.handlers.calls import Answer, Call
from services.console.handlers.changes import Changes
from services.console.handlers.reports.builder import BuildReport
from services.console.ports import ReportRenderer, SealDocument

NAME = "compliance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """Answers report requests."""

    directory: Directory
    build: BuildReport
    changes: Changes
    renderers: Mapping[Format, ReportRenderer]
    seal: SealDocument

    async def compliance(self, call: Call[ReportQuery, None]) -> Answer | Document:
        """The compliance report of an account and a period; it is answered once its reading is on record."""
        query = call.query
        account = await account_in_field(self.directory, call.principal, query.account_id)
        format_, by = Format(query.format), call.principal.actor
        report = await self.build(account, period_from(query.from_, query.to, account.zone), by=by)
        await self.record_reading(report, format_, by=by)
        if format_ is Format.JSON:
            return Answer(report)
        return await self.document(report, format_)

    async def record_reading(self, report: ComplianceReport, format_: Format, *, by: str) -> None:
        """Record that a report is read."""
        event = ReportRead(
            account_id=report.account.id,
            actor=by,
            report=NAME,
            format=format_.value,
            period_from=report.period.from_,
            period_to=report.period.to,
            sha256=report.proof.sha256,
        )
        await self.changes.record(event, at=report.generated_at)

    async def document(self, report: ComplianceReport, format_: Format) -> Document:
        """The report as a signed file; made in a thread, since a PDF takes long."""
        renderer = self.renderers[format_]
        content = await asyncio.to_thread(lambda: self.seal(format_, renderer.content(report)))
        name = f"{NAME}-{report.account.id}-{report.period.first_day}-{report.period.last_day}.{format_.value}"
        return Document(content, renderer.media_type, name, renderer.content_security_policy)
