"""Renders a report as JSON, as in the body of the API's response."""

from services.console.domain.reports.model import ComplianceReport


class JsonRenderer:
    """`ReportRenderer`."""

    media_type = "application/json"
    content_security_policy = None

    def content(self, report: ComplianceReport) -> bytes:
        """The body."""
        return report.model_dump_json(by_alias=True).encode()
