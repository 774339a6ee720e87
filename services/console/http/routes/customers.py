"""Routes about customers: suppressions, consents, imports of both, restrictions, and a person's own data."""

from http import HTTPStatus
from typing import Any

from libs.contracts.events import SubjectExported
from services.console.domain.access import Recorded, RecordedBy
from services.console.domain.approvals import ApprovalRequested
from services.console.domain.consents import (
    ConsentQuery,
    ConsentRequest,
    ConsentView,
    CustomerConsentsView,
    WithdrawalRequest,
    WithdrawalView,
)
from services.console.domain.import_rows import NDJSON
from services.console.domain.imports import ConsentRow, ImportLineView, ImportQuery, SuppressionRow
from services.console.domain.pagination import ListPage
from services.console.domain.principals import Role
from services.console.domain.restrictions import LiftRestrictionQuery, RestrictionQuery, RestrictionView
from services.console.domain.subjects import ContactBookView, ErasureView, SubjectExport, SubjectRequest
from services.console.domain.suppression_exports import SuppressionExportQuery, SuppressionLineView
from services.console.domain.suppressions import LiftQuery, SuppressionQuery, SuppressionRequest, SuppressionView
from services.console.handlers.consents import ConsentRecords
from services.console.handlers.contact_books import ContactBooks
from services.console.handlers.erasures import EraseSubject
from services.console.handlers.imports import ImportRows
from services.console.handlers.restrictions import Restrictions
from services.console.handlers.subject_exports import ExportSubject
from services.console.handlers.suppression_exports import ExportSuppressions
from services.console.handlers.suppressions import Suppressions
from services.console.http.route import Route, delete, get, post

CREATED = (HTTPStatus.CREATED,)
EXISTING = Recorded(frozenset({HTTPStatus.OK}), counts_lookups=False)
"""A creation that shows what exists already. Whoever probes with it leaves a suppression of everybody else."""


def suppressions_routes(suppressions: Suppressions, export: ExportSuppressions) -> tuple[Route, ...]:
    """Suppressions."""
    many, one = "/suppressions", "/suppressions/{suppression_id}"
    return (
        post(
            many,
            "create_suppression",
            "Suppress a customer; 200 with the existing suppression if there is one",
            suppressions.create,
            SuppressionView,
            body=SuppressionRequest,
            statuses=(HTTPStatus.CREATED, HTTPStatus.OK),
            conflicts=True,
            access=EXISTING,
        ),
        get(
            many,
            "list_suppressions",
            "List suppressions",
            suppressions.page,
            ListPage[SuppressionView],
            query=SuppressionQuery,
            access=Recorded(),
        ),
        get(
            f"{many}/export",
            "export_suppressions",
            "Export the active suppressions, with masked phones or with keyed hashes; the last line has their number",
            export,
            SuppressionLineView,
            query=SuppressionExportQuery,
            media_types=(NDJSON,),
            access=Recorded(),
        ),
        get(
            one,
            "show_suppression",
            "Show a suppression, active or lifted",
            suppressions.show,
            SuppressionView,
            access=Recorded(),
        ),
        delete(
            one,
            "lift_suppression",
            "Lift a suppression",
            suppressions.lift,
            SuppressionView,
            query=LiftQuery,
            requests=ApprovalRequested,
        ),
    )


def consents_routes(consents: ConsentRecords) -> tuple[Route, ...]:
    """Opt-in evidence."""
    return (
        post(
            "/consents",
            "record_consent",
            "Record a customer's opt-in; 200 when it is recorded already. It lifts no suppression",
            consents.create,
            ConsentView,
            body=ConsentRequest,
            statuses=(HTTPStatus.CREATED, HTTPStatus.OK),
        ),
        get(
            "/consents",
            "list_consents",
            "List the opt-ins of one customer, and when the customer took them back",
            consents.of_customer,
            CustomerConsentsView,
            query=ConsentQuery,
            access=Recorded(),
        ),
        post(
            "/consents/withdrawals",
            "withdraw_consent",
            "Record that a customer took opt-ins back",
            consents.withdraw,
            WithdrawalView,
            body=WithdrawalRequest,
        ),
    )


def imports_routes(suppressions: ImportRows[SuppressionRow], consents: ImportRows[ConsentRow]) -> tuple[Route, ...]:
    """Imports of suppressions and of opt-ins."""
    return (
        _import("/suppressions/imports", "import_suppressions", "Suppress up to a million customers", suppressions),
        _import("/consents/imports", "import_consents", "Record up to a million opt-ins", consents),
    )


def _import(path: str, name: str, summary: str, rows: ImportRows[Any]) -> Route:
    return Route(
        "POST",
        path,
        name,
        f"{summary}, from CSV or NDJSON; the answer has a line for each row, and one with the totals",
        rows,
        {HTTPStatus.OK: ImportLineView},
        Role.OPERATOR,
        query=ImportQuery,
        takes_rows=True,
        media_types=(NDJSON,),
        access=Recorded(),  # a row's result tells what was stored about the customer, also without a change
    )


def restrictions_routes(restrictions: Restrictions) -> tuple[Route, ...]:
    """What WhatsApp forbids for a time."""
    return (
        get(
            "/restrictions",
            "list_restrictions",
            "List what WhatsApp forbids",
            restrictions.page,
            ListPage[RestrictionView],
            query=RestrictionQuery,
            access=Recorded(),
        ),
        delete(
            "/restrictions/{restriction_id}",
            "lift_restriction",
            "Lift a restriction, so that messages are sent again; the reason is on record",
            restrictions.lift,
            RestrictionView,
            query=LiftRestrictionQuery,
        ),
    )


def subjects_routes(erase: EraseSubject, contact_books: ContactBooks, export: ExportSubject) -> tuple[Route, ...]:
    """Erasure and export of a person's data."""
    return (
        post(
            "/erasures",
            "erase_subject",
            "Erase one customer; 202 when the erasure continues in the background. A legal hold refuses it",
            erase.create,
            ErasureView,
            body=SubjectRequest,
            role=Role.ADMIN,
            requests=ApprovalRequested,
            statuses=(HTTPStatus.OK, HTTPStatus.ACCEPTED),
            conflicts=True,
        ),
        get(
            "/erasures/{erasure_id}/contact-book",
            "list_contact_book_deletions",
            "What became of an erasure's deletions from WhatsApp's contact books",
            contact_books.list,
            ListPage[ContactBookView],
            role=Role.ADMIN,
            access=Recorded(),
        ),
        post(
            "/subject-exports",
            "export_subject",
            "Export everything that is stored about one customer",
            export.create,
            SubjectExport,
            body=SubjectRequest,
            role=Role.ADMIN,
            access=RecordedBy(SubjectExported),
        ),
    )
