"""`ReportSigner` signs reports and their files with the key that signs checkpoints; prefixes keep the kinds apart."""

import base64
from dataclasses import dataclass

from libs.record.keys import SigningKey
from libs.record.pdf_signatures import signed_pdf
from libs.record.reports import report_message, sealed_text
from services.console.domain.reports.model import ComplianceReport
from services.console.domain.reports.requests import Format


@dataclass(frozen=True, slots=True)
class ReportSigner:
    """`SignReport`, and `SealDocument` in `document`."""

    key: SigningKey

    def __call__(self, report: ComplianceReport) -> ComplianceReport:
        """The report with its signature: equal reports have equal signatures."""
        proof = report.proof.model_copy(update={"key_id": self.key.kid})
        message = report_message(report.model_copy(update={"proof": proof}).model_dump(mode="json", by_alias=True))
        signature = base64.b64encode(self.key.sign(message)).decode()
        return report.model_copy(update={"proof": proof.model_copy(update={"signature": signature})})

    def document(self, format_: Format, content: bytes) -> bytes:
        """The file with its signature; a JSON file has the report's own."""
        if format_ is Format.JSON:
            return content
        return signed_pdf(content, self.key) if format_ is Format.PDF else sealed_text(content, self.key)
