"""The table of routes of the operators' API; the server, the OpenAPI document and the metrics read it."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from libs.contracts.events import RecordExported, ReportRead, SimulationRequested, SubjectExported
from services.console.domain.access import CHANGE, CONFIGURATION, Recorded, RecordedBy, Unrecorded
from services.console.domain.accounts import AccountView, CreateAccountRequest, EditAccountRequest
from services.console.domain.approvals import ApprovalQuery, ApprovalRequested, ApprovalView, RejectRequest
from services.console.domain.audit import (
    ChainQuery,
    ExportLineView,
    PublicKeysView,
    RecordProofView,
    RestoreRequest,
    RestoreView,
    VerificationView,
)
from services.console.domain.chat_requests import ChatTestRequest, ChatTestView
from services.console.domain.consents import (
    ConsentQuery,
    ConsentRequest,
    ConsentView,
    CustomerConsentsView,
    WithdrawalRequest,
    WithdrawalView,
)
from services.console.domain.crm_template import CrmTemplateRequest, XmlDocument
from services.console.domain.dead_letters import DeadLetterQuery, DeadLetterView, DiscardRequest
from services.console.domain.events import EventQuery, EventTimeline, RecordView
from services.console.domain.forwards import ForwardDetail, ForwardQuery, ForwardView
from services.console.domain.import_rows import NDJSON
from services.console.domain.imports import ConsentRow, ImportLineView, ImportQuery, SuppressionRow
from services.console.domain.integration_requests import (
    CreateIntegrationRequest,
    EditIntegrationRequest,
    IntegrationQuery,
)
from services.console.domain.integration_views import IntegrationCreated, IntegrationEdited, IntegrationView
from services.console.domain.known_templates import (
    SyncTemplatesRequest,
    TemplatesQuery,
    TemplatesView,
    UploadCreated,
    UploadQuery,
)
from services.console.domain.log import ConsistencyQuery, ConsistencyView, LogView
from services.console.domain.numbers import (
    CreateNumberRequest,
    EditNumberRequest,
    NumberCreated,
    NumberView,
    RotatedNumberSecretView,
    RotateNumberSecretRequest,
)
from services.console.domain.pagination import ListPage, ListQuery
from services.console.domain.principals import Role
from services.console.domain.reports.model import ComplianceReport
from services.console.domain.reports.requests import ReportQuery
from services.console.domain.restrictions import LiftRestrictionQuery, RestrictionQuery, RestrictionView
from services.console.domain.secrets import RotatedSecretView, RotateSecretRequest
from services.console.domain.simulations import SimulationRequest, SimulationView
from services.console.domain.subjects import ContactBookView, ErasureView, SubjectExport, SubjectRequest
from services.console.domain.suppressions import LiftQuery, SuppressionQuery, SuppressionRequest, SuppressionView
from services.console.domain.tokens import TokenCreated, TokenRequest, TokenView
from services.console.handlers.accounts import Accounts
from services.console.handlers.approvals import Approvals
from services.console.handlers.audit import MEDIA_TYPE, Audit
from services.console.handlers.chat_tests import PostChatTest
from services.console.handlers.consents import ConsentRecords
from services.console.handlers.contact_books import ContactBooks
from services.console.handlers.crm_templates import CrmTemplates
from services.console.handlers.dead_letters import DeadLetters
from services.console.handlers.erasures import EraseSubject
from services.console.handlers.events import Events
from services.console.handlers.forwards import Forwards
from services.console.handlers.imports import ImportRows
from services.console.handlers.integration_secrets import RotateIntegrationSecret
from services.console.handlers.integrations import Integrations
from services.console.handlers.known_templates import KnownTemplates
from services.console.handlers.number_secrets import RotateNumberSecret
from services.console.handlers.numbers import Numbers
from services.console.handlers.reports.requests import Reports
from services.console.handlers.restrictions import Restrictions
from services.console.handlers.simulations import SimulateDecision
from services.console.handlers.subject_exports import ExportSubject
from services.console.handlers.suppressions import Suppressions
from services.console.handlers.tokens import TokenAdministration
from services.console.handlers.uploads import StoreUpload
from services.console.http.route import Route, delete, get, patch, post

PREFIX = "/api/v1"
CREATED = (HTTPStatus.CREATED,)
EXISTING = Recorded(frozenset({HTTPStatus.OK}), counts_lookups=False)
"""A creation that shows what exists already. Whoever probes with it leaves a suppression of everybody else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handlers:
    """The handlers behind the routes."""

    accounts: Accounts
    numbers: Numbers
    integrations: Integrations
    suppressions: Suppressions
    consents: ConsentRecords
    import_suppressions: ImportRows[SuppressionRow]
    import_consents: ImportRows[ConsentRow]
    restrictions: Restrictions
    known_templates: KnownTemplates
    store_upload: StoreUpload
    events: Events
    forwards: Forwards
    dead_letters: DeadLetters
    tokens: TokenAdministration
    approvals: Approvals
    erase: EraseSubject
    contact_books: ContactBooks
    export: ExportSubject
    reports: Reports
    audit: Audit
    simulate: SimulateDecision


def routes_to(handlers: Handlers) -> tuple[Route, ...]:
    """The whole table, in the order of the OpenAPI document."""
    return (
        *_accounts(handlers.accounts),
        *_numbers(handlers.numbers),
        *_integrations(handlers.integrations),
        *_path_tokens(CrmTemplates(RotateIntegrationSecret(handlers.integrations))),
        *_suppressions(handlers.suppressions),
        *_imports(handlers.import_suppressions, handlers.import_consents),
        *_consents(handlers.consents),
        *_restrictions(handlers.restrictions),
        *_content(handlers.known_templates, handlers.store_upload),
        *_events(handlers.events, handlers.forwards),
        *_dead_letters(handlers.dead_letters),
        *_reports(handlers.reports),
        *_audit(handlers.audit),
        *_policy(handlers.simulate),
        *_tokens(handlers.tokens),
        *_approvals(handlers.approvals),
        *_subjects(handlers.erase, handlers.contact_books, handlers.export),
    )


def _accounts(accounts: Accounts) -> tuple[Route, ...]:
    many, one, admin, edit = "/accounts", "/accounts/{account_id}", Role.ADMIN, EditAccountRequest
    return (
        post(
            many,
            "create_account",
            "Create an account",
            accounts.create,
            AccountView,
            body=CreateAccountRequest,
            statuses=CREATED,
            role=admin,
        ),
        get(
            many,
            "list_accounts",
            "List accounts",
            accounts.page,
            ListPage[AccountView],
            query=ListQuery,
            access=CONFIGURATION,
        ),
        get(one, "show_account", "Show an account", accounts.show, AccountView, access=CONFIGURATION),
        patch(
            one,
            "edit_account",
            "Edit an account",
            accounts.edit,
            AccountView,
            body=edit,
            role=admin,
            requests=ApprovalRequested,
        ),
    )


def _numbers(numbers: Numbers) -> tuple[Route, ...]:
    many, one = "/accounts/{account_id}/instances", "/accounts/{account_id}/instances/{instance_id}"
    return (
        post(
            many,
            "create_instance",
            "Add a WhatsApp number to an account; the answer shows its webhook's secret (Evolution) this once",
            numbers.create,
            NumberCreated,
            body=CreateNumberRequest,
            statuses=CREATED,
            conflicts=True,
        ),
        get(
            many,
            "list_instances",
            "List WhatsApp numbers",
            numbers.page,
            ListPage[NumberView],
            query=ListQuery,
            access=CONFIGURATION,
        ),
        get(one, "show_instance", "Show a WhatsApp number", numbers.show, NumberView, access=CONFIGURATION),
        patch(one, "edit_instance", "Edit a WhatsApp number", numbers.edit, NumberView, body=EditNumberRequest),
        post(
            f"{one}/rotate-secret",
            "rotate_instance_secret",
            "Make a new secret for the webhooks of the number's own server (Evolution)",
            RotateNumberSecret(numbers),
            RotatedNumberSecretView,
            body=RotateNumberSecretRequest,
            conflicts=True,
        ),
    )


def _integrations(integrations: Integrations) -> tuple[Route, ...]:
    many, one = "/integrations", "/integrations/{integration_id}"
    return (
        post(
            many,
            "create_integration",
            "Create an integration; the answer shows its secret this once",
            integrations.create,
            IntegrationCreated,
            body=CreateIntegrationRequest,
            statuses=CREATED,
        ),
        get(
            many,
            "list_integrations",
            "List integrations",
            integrations.page,
            ListPage[IntegrationView],
            query=IntegrationQuery,
            access=CONFIGURATION,
        ),
        get(one, "show_integration", "Show an integration", integrations.show, IntegrationView, access=CONFIGURATION),
        patch(
            one,
            "edit_integration",
            "Edit an integration",
            integrations.edit,
            IntegrationEdited,
            body=EditIntegrationRequest,
        ),
        post(
            f"{one}/rotate-secret",
            "rotate_secret",
            "Make a new secret; old ones stay valid for the requested overlap",
            RotateIntegrationSecret(integrations),
            RotatedSecretView,
            body=RotateSecretRequest,
            conflicts=True,
        ),
        post(
            f"{one}/chat-test",
            "post_chat_test",
            "Post one line into 3CX's chat; `GET /forwards/{forward_id}` says what came back",
            PostChatTest(integrations),
            ChatTestView,
            body=ChatTestRequest,
        ),
    )


def _path_tokens(crm: CrmTemplates) -> tuple[Route, ...]:
    one = "/integrations/{integration_id}"
    template = f"{one}/crm-template.xml"
    return (
        post(
            f"{one}/rotate-path-token",
            "rotate_path_token",
            "Make a new token for the URL of senders that cannot set headers; valid for call events only",
            crm.rotate_path_token,
            RotatedSecretView,
            body=CrmTemplateRequest,
            conflicts=True,
        ),
        get(
            template,
            "show_crm_template",
            "Show a 3CX CRM template (XML) that reports ended calls",
            crm.show,
            XmlDocument,
            access=CONFIGURATION,
        ),
        post(
            template,
            "create_crm_template",
            "Create the template with a new path token in its URL, shown this once: ready to upload in 3CX",
            crm.create,
            XmlDocument,
            body=CrmTemplateRequest,
            conflicts=True,
        ),
    )


def _suppressions(suppressions: Suppressions) -> tuple[Route, ...]:
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


def _consents(consents: ConsentRecords) -> tuple[Route, ...]:
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


def _imports(suppressions: ImportRows[SuppressionRow], consents: ImportRows[ConsentRow]) -> tuple[Route, ...]:
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
        access=CHANGE,
    )


def _content(templates: KnownTemplates, store_upload: StoreUpload) -> tuple[Route, ...]:
    return (
        get(
            "/templates",
            "list_templates",
            "List WhatsApp's templates of a number.",
            templates.list,
            TemplatesView,
            query=TemplatesQuery,
            access=CONFIGURATION,
        ),
        post(
            "/templates/sync",
            "sync_templates",
            "Read a number's templates from WhatsApp again.",
            templates.sync,
            TemplatesView,
            body=SyncTemplatesRequest,
        ),
        Route(
            "POST",
            "/uploads",
            "upload_file",
            "Upload a file of at most 16 MB to be sent within 24 hours.",
            store_upload,
            {HTTPStatus.CREATED: UploadCreated},
            Role.OPERATOR,
            query=UploadQuery,
            limited=True,
            takes_file=True,
            access=Unrecorded("takes a file, and shows nothing of others"),
        ),
    )


def _restrictions(restrictions: Restrictions) -> tuple[Route, ...]:
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


def _events(events: Events, forwards: Forwards) -> tuple[Route, ...]:
    return (
        get(
            "/events",
            "list_events",
            "Search the audit record",
            events.page,
            ListPage[RecordView],
            query=EventQuery,
            access=Recorded(),
        ),
        get(
            "/events/{event_id}",
            "show_event",
            "Show every record about one webhook or message",
            events.timeline,
            EventTimeline,
            access=Recorded(),
        ),
        get(
            "/forwards",
            "list_forwards",
            "List forwards",
            forwards.page,
            ListPage[ForwardView],
            query=ForwardQuery,
            access=Recorded(),
        ),
        get(
            "/forwards/{forward_id}",
            "show_forward",
            "Show a forward with its attempts",
            forwards.show,
            ForwardDetail,
            access=Recorded(),
        ),
    )


def _dead_letters(dead_letters: DeadLetters) -> tuple[Route, ...]:
    one = "/dead-letters/{dead_letter_id}"
    return (
        get(
            "/dead-letters",
            "list_dead_letters",
            "List dead letters",
            dead_letters.page,
            ListPage[DeadLetterView],
            query=DeadLetterQuery,
            access=Recorded(),
        ),
        get(
            one,
            "show_dead_letter",
            "Show a dead letter, without its content",
            dead_letters.show,
            DeadLetterView,
            access=Recorded(),
        ),
        post(
            f"{one}/replay",
            "replay_dead_letter",
            "Replay a dead letter",
            dead_letters.replay,
            DeadLetterView,
            conflicts=True,
        ),
        post(
            f"{one}/discard",
            "discard_dead_letter",
            "Discard a dead letter: its content is deleted, and the reason is on record",
            dead_letters.discard,
            DeadLetterView,
            body=DiscardRequest,
            conflicts=True,
        ),
    )


def _reports(reports: Reports) -> tuple[Route, ...]:
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


def _audit(audit: Audit) -> tuple[Route, ...]:
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


def _policy(simulate: SimulateDecision) -> tuple[Route, ...]:
    return (
        post(
            "/policy/simulate",
            "simulate",
            "Show the decision that would be made about a webhook, with its receipt; sends and counts nothing",
            simulate,
            SimulationView,
            body=SimulationRequest,
            role=Role.AUDITOR,
            limited=True,
            access=RecordedBy(SimulationRequested),
        ),
    )


def _tokens(tokens: TokenAdministration) -> tuple[Route, ...]:
    many, one, admin = "/tokens", "/tokens/{token_id}", Role.ADMIN
    return (
        post(
            many,
            "create_token",
            "Create a token of this API; the answer shows it this once",
            tokens.create,
            TokenCreated,
            body=TokenRequest,
            statuses=CREATED,
            role=admin,
        ),
        get(
            many,
            "list_tokens",
            "List tokens",
            tokens.page,
            ListPage[TokenView],
            query=ListQuery,
            role=admin,
            access=Recorded(),
        ),
        delete(one, "revoke_token", "Revoke a token with immediate effect", tokens.revoke, TokenView, role=admin),
    )


def _approvals(approvals: Approvals) -> tuple[Route, ...]:
    many, one = "/approvals", "/approvals/{approval_id}"
    return (
        get(
            many,
            "list_approvals",
            "List requests that need a second person's approval",
            approvals.page,
            ListPage[ApprovalView],
            query=ApprovalQuery,
            access=Recorded(),
        ),
        get(one, "show_approval", "Show a request for approval", approvals.show, ApprovalView, access=Recorded()),
        post(
            f"{one}/approve",
            "approve",
            "Approve a request with another person's token; what was requested takes effect",
            approvals.approve,
            ApprovalView,
            conflicts=True,
        ),
        post(
            f"{one}/reject",
            "reject",
            "Reject a request, or withdraw an own one; the reason is on record",
            approvals.reject,
            ApprovalView,
            body=RejectRequest,
            conflicts=True,
        ),
    )


def _subjects(erase: EraseSubject, contact_books: ContactBooks, export: ExportSubject) -> tuple[Route, ...]:
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
