"""The report as JSON: the body that the API answers with."""

from services.console.domain.reporting.figures import ComplianceReport


class JsonForm:
    """`Renders`."""

    media_type = "application/json"
    policy = None

    def content(self, report: ComplianceReport) -> bytes:
        """The body."""
        return report.model_dump_json(by_alias=True).encode()
