"""Stand-ins for signing where a deployment has no private key; its reports are not signed."""

from services.console.domain.reports.model import ComplianceReport
from services.console.domain.reports.requests import Format


def no_signature(report: ComplianceReport) -> ComplianceReport:
    """As `SignReport`."""
    return report


def no_seal(_: Format, content: bytes) -> bytes:
    """As `SealDocument`."""
    return content
