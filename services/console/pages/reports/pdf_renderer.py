"""Renders a report as a PDF."""

from services.console.domain.reports.model import ComplianceReport


class PdfRenderer:
    """`ReportRenderer`."""

    media_type = "application/pdf"
    content_security_policy = None

    def content(self, report: ComplianceReport) -> bytes:
        """The document."""
        from services.console.pages.reports.pdf_document import pdf_from  # noqa: PLC0415 -- 7 MB, for reports alone

        return pdf_from(report)
