"""The table of routes of the operators' API; the server, the OpenAPI document and the metrics read it."""

from dataclasses import dataclass
from http import HTTPStatus

from services.console.domain.accounts import AccountView, CreateAccountRequest, EditAccountRequest
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
from services.console.domain.crm_template import CrmTemplateRequest, XmlDocument
from services.console.domain.dead_letters import DeadLetterQuery, DeadLetterView, DiscardRequest
from services.console.domain.events import EventQuery, EventTimeline, RecordView
from services.console.domain.forwards import ForwardDetail, ForwardQuery, ForwardView
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
from services.console.domain.subjects import ErasureView, SubjectExport, SubjectRequest
from services.console.domain.suppressions import LiftQuery, SuppressionQuery, SuppressionRequest, SuppressionView
from services.console.domain.tokens import TokenCreated, TokenRequest, TokenView
from services.console.handlers.accounts import Accounts
from services.console.handlers.audit import MEDIA_TYPE, Audit
from services.console.handlers.chat_tests import PostChatTest
from services.console.handlers.crm_templates import CrmTemplates
from services.console.handlers.dead_letters import DeadLetters
from services.console.handlers.erasures import EraseSubject
from services.console.handlers.events import Events
from services.console.handlers.forwards import Forwards
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Handlers:
    """The handlers behind the routes."""

    accounts: Accounts
    numbers: Numbers
    integrations: Integrations
    suppressions: Suppressions
    restrictions: Restrictions
    known_templates: KnownTemplates
    store_upload: StoreUpload
    events: Events
    forwards: Forwards
    dead_letters: DeadLetters
    tokens: TokenAdministration
    erase: EraseSubject
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
        *_restrictions(handlers.restrictions),
        *_content(handlers.known_templates, handlers.store_upload),
        *_events(handlers.events, handlers.forwards),
        *_dead_letters(handlers.dead_letters),
        *_reports(handlers.reports),
        *_audit(handlers.audit),
        *_policy(handlers.simulate),
        *_tokens(handlers.tokens),
        *_subjects(handlers.erase, handlers.export),
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
        get(many, "list_accounts", "List accounts", accounts.page, ListPage[AccountView], query=ListQuery),
        get(one, "show_account", "Show an account", accounts.show, AccountView),
        patch(one, "edit_account", "Edit an account", accounts.edit, AccountView, body=edit, role=admin),
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
        get(many, "list_instances", "List WhatsApp numbers", numbers.page, ListPage[NumberView], query=ListQuery),
        get(one, "show_instance", "Show a WhatsApp number", numbers.show, NumberView),
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
        ),
        get(one, "show_integration", "Show an integration", integrations.show, IntegrationView),
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
        ),
        get(
            many,
            "list_suppressions",
            "List suppressions",
            suppressions.page,
            ListPage[SuppressionView],
            query=SuppressionQuery,
        ),
        get(one, "show_suppression", "Show a suppression, active or lifted", suppressions.show, SuppressionView),
        delete(one, "lift_suppression", "Lift a suppression", suppressions.lift, SuppressionView, query=LiftQuery),
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
        get("/events", "list_events", "Search the audit record", events.page, ListPage[RecordView], query=EventQuery),
        get(
            "/events/{event_id}",
            "show_event",
            "Show every record about one webhook or message",
            events.timeline,
            EventTimeline,
        ),
        get("/forwards", "list_forwards", "List forwards", forwards.page, ListPage[ForwardView], query=ForwardQuery),
        get("/forwards/{forward_id}", "show_forward", "Show a forward with its attempts", forwards.show, ForwardDetail),
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
        ),
        get(one, "show_dead_letter", "Show a dead letter, without its content", dead_letters.show, DeadLetterView),
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
            "/audit/keys", "list_public_keys", "List the public keys of checkpoints", audit.public_keys, PublicKeysView
        ),
        get(
            "/audit/export",
            "export_record",
            "Export records, checkpoints and keys as JSON lines for offline verification; the export is on record",
            audit.export,
            ExportLineView,
            query=ChainQuery,
            media_types=(MEDIA_TYPE,),
        ),
        get(
            "/audit/proofs/{record_id}",
            "prove_record",
            "Prove that one record is in the audit record, verifiable offline; the proof is on record",
            audit.prove,
            RecordProofView,
            conflicts=True,
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
        get(many, "list_tokens", "List tokens", tokens.page, ListPage[TokenView], query=ListQuery, role=admin),
        delete(one, "revoke_token", "Revoke a token with immediate effect", tokens.revoke, TokenView, role=admin),
    )


def _subjects(erase: EraseSubject, export: ExportSubject) -> tuple[Route, ...]:
    return (
        post(
            "/erasures",
            "erase_subject",
            "Erase one customer; 202 when the erasure continues in the background. A legal hold refuses it",
            erase.create,
            ErasureView,
            body=SubjectRequest,
            role=Role.ADMIN,
            statuses=(HTTPStatus.OK, HTTPStatus.ACCEPTED),
            conflicts=True,
        ),
        post(
            "/subject-exports",
            "export_subject",
            "Export everything that is stored about one customer",
            export.create,
            SubjectExport,
            body=SubjectRequest,
            role=Role.ADMIN,
        ),
    )
