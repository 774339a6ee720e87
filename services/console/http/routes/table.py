"""The table of routes of the operators' API; the server, the OpenAPI document and the metrics read it."""

from dataclasses import dataclass

from services.console.domain.imports import ConsentRow, SuppressionRow
from services.console.handlers.accounts import Accounts
from services.console.handlers.approvals import Approvals
from services.console.handlers.audit import Audit
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
from services.console.handlers.numbers import Numbers
from services.console.handlers.reports.requests import Reports
from services.console.handlers.restrictions import Restrictions
from services.console.handlers.simulations import SimulateDecision
from services.console.handlers.subject_exports import ExportSubject
from services.console.handlers.suppression_exports import ExportSuppressions
from services.console.handlers.suppressions import Suppressions
from services.console.handlers.tokens import TokenAdministration
from services.console.handlers.uploads import StoreUpload
from services.console.http.route import Route
from services.console.http.routes.accounts import (
    accounts_routes,
    integrations_routes,
    numbers_routes,
    path_tokens_routes,
)
from services.console.http.routes.administration import approvals_routes, tokens_routes
from services.console.http.routes.customers import (
    consents_routes,
    imports_routes,
    restrictions_routes,
    subjects_routes,
    suppressions_routes,
)
from services.console.http.routes.messages import content_routes, dead_letters_routes, events_routes, policy_routes
from services.console.http.routes.record import audit_routes, reports_routes

PREFIX = "/api/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handlers:
    """The handlers behind the routes."""

    accounts: Accounts
    numbers: Numbers
    integrations: Integrations
    suppressions: Suppressions
    export_suppressions: ExportSuppressions
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
        *accounts_routes(handlers.accounts),
        *numbers_routes(handlers.numbers),
        *integrations_routes(handlers.integrations),
        *path_tokens_routes(CrmTemplates(RotateIntegrationSecret(handlers.integrations))),
        *suppressions_routes(handlers.suppressions, handlers.export_suppressions),
        *imports_routes(handlers.import_suppressions, handlers.import_consents),
        *consents_routes(handlers.consents),
        *restrictions_routes(handlers.restrictions),
        *content_routes(handlers.known_templates, handlers.store_upload),
        *events_routes(handlers.events, handlers.forwards),
        *dead_letters_routes(handlers.dead_letters),
        *reports_routes(handlers.reports),
        *audit_routes(handlers.audit),
        *policy_routes(handlers.simulate),
        *tokens_routes(handlers.tokens),
        *approvals_routes(handlers.approvals),
        *subjects_routes(handlers.erase, handlers.contact_books, handlers.export),
    )
