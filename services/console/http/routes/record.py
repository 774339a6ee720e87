"""Routes of reports and of the record."""

from libs.contracts.events import RecordExported, ReportRead
from services.console.domain.access import Recorded, RecordedBy, Unrecorded
from services.console.domain.audit import (
    ChainQuery,
    ExportLineView,
    PublicKeysView,
    RecordProofView,
    RestoreRequest,
    RestoreView,
    VerificationView,
)
from services.console.domain.log import ConsistencyQuery, ConsistencyView, LogView
from services.console.domain.principals import Role
from services.console.domain.reports.model import ComplianceReport
from services.console.domain.reports.requests import ReportQuery
from services.console.handlers.audit import MEDIA_TYPE, Audit
from services.console.handlers.reports.requests import Reports
from services.console.http.route import Route, get, post


def reports_routes(reports: Reports) -> tuple[Route, ...]:
    """Compliance reports."""
    return (
        get(
            "/reports/compliance",
            "compliance_report",
            "Show the compliance report of an account and a period; reading it is on record",
            reports.compliance,
            ComplianceReport,
            query=ReportQuery,
            media_types=("text/csv", "text/html", "application/pdf"),
            access=RecordedBy(ReportRead),
        ),
    )


def audit_routes(audit: Audit) -> tuple[Route, ...]:
    """The record: verification, keys, exports, proofs and the log."""
    return (
        get(
            "/audit/verify",
            "verify_record",
            "Recompute the record's chains and checkpoints, and name the first fault",
            audit.verify,
            VerificationView,
            query=ChainQuery,
            conflicts=True,
            access=Recorded(),
        ),
        post(
            "/audit/restorations",
            "record_restoration",
            "Record that an account's record was restored from a backup; audit signs it",
            audit.restored,
            RestoreView,
            body=RestoreRequest,
            role=Role.ADMIN,
        ),
        get(
            "/audit/keys",
            "list_public_keys",
            "List the public keys of checkpoints",
            audit.public_keys,
            PublicKeysView,
            access=Unrecorded("public keys"),
        ),
        get(
            "/audit/export",
            "export_record",
            "Export records, checkpoints and keys as JSON lines for offline verification; the export is on record",
            audit.export,
            ExportLineView,
            query=ChainQuery,
            media_types=(MEDIA_TYPE,),
            access=RecordedBy(RecordExported),
        ),
        get(
            "/audit/log",
            "show_log",
            "Show the newest checkpoint of the cumulative log, with cosignatures and keys",
            audit.log.show,
            LogView,
            conflicts=True,
            access=Unrecorded("hashes"),
        ),
        get(
            "/audit/log/consistency",
            "prove_log",
            "Prove that the newest checkpoint of the cumulative log extends an older one",
            audit.log.consistency,
            ConsistencyView,
            query=ConsistencyQuery,
            conflicts=True,
            access=Unrecorded("hashes"),
        ),
        get(
            "/audit/proofs/{record_id}",
            "prove_record",
            "Prove that one record is in the audit record, verifiable offline; the proof is on record",
            audit.prove,
            RecordProofView,
            conflicts=True,
            access=RecordedBy(RecordExported),
        ),
    )
