"""Every call of the operators' API, as data; the server, the OpenAPI document and the metrics read this table."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel

from services.console.domain.accounts import AccountCreate, AccountEdit, AccountShown
from services.console.domain.auditing import ChainQuery, ExportShown, KeysShown, ProofShown, VerificationShown
from services.console.domain.crm_template import CrmTemplateAsked, XmlDocument
from services.console.domain.dead_letters import DeadLetterQuery, DeadLetterShown
from services.console.domain.documents import Document, Stream
from services.console.domain.events import EventQuery, RecordShown, Story
from services.console.domain.forwards import ForwardQuery, ForwardShown, ForwardTold
from services.console.domain.integrations import IntegrationCreate, IntegrationEdit, IntegrationQuery
from services.console.domain.integrations_shown import IntegrationCreated, IntegrationEdited, IntegrationShown
from services.console.domain.numbers import (
    NumberCreate,
    NumberCreated,
    NumberEdit,
    NumberSecretRotated,
    NumberShown,
    RotateNumberSecret,
)
from services.console.domain.paging import Listed, Query
from services.console.domain.principals import Role
from services.console.domain.reporting.figures import ComplianceReport
from services.console.domain.reports import ReportQuery
from services.console.domain.secrets import RotateSecret, SecretRotatedShown
from services.console.domain.simulating import SimulationAsked, SimulationShown
from services.console.domain.subjects import ErasureShown, SubjectAsked, SubjectExport
from services.console.domain.suppressions import LiftQuery, SuppressionAsked, SuppressionQuery, SuppressionShown
from services.console.domain.tokens import TokenAsked, TokenMade, TokenShown
from services.console.handlers.accounts import Accounts
from services.console.handlers.auditing import MEDIA_TYPE, Audit
from services.console.handlers.calling import Answer, Call
from services.console.handlers.crm_templates import CrmTemplates
from services.console.handlers.dead_letters import DeadLetters
from services.console.handlers.erasing import Erase
from services.console.handlers.events import Events
from services.console.handlers.exporting_subjects import ExportSubject
from services.console.handlers.forwards import Forwards
from services.console.handlers.integrations import Integrations
from services.console.handlers.number_secrets import RotateForNumber
from services.console.handlers.numbers import Numbers
from services.console.handlers.reports import Reports
from services.console.handlers.rotating import Rotate
from services.console.handlers.simulating import Simulate
from services.console.handlers.suppressions import Suppressions
from services.console.handlers.tokens import TokenOffice

PREFIX = "/api/v1"
Operation = Callable[[Call[Any, Any]], Awaitable[Answer | Document | Stream]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One call: what it takes, what it answers when all is well, and which role it needs."""

    method: str
    path: str
    name: str
    summary: str
    operation: Operation
    answers: dict[HTTPStatus, type[BaseModel]]
    role: Role = Role.AUDITOR
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    conflicts: bool = False
    """True when it may be refused because of the current state."""
    forms: tuple[str, ...] = ()
    """Media types besides JSON in which it can be answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handlers:
    """What stands behind the routes."""

    accounts: Accounts
    numbers: Numbers
    integrations: Integrations
    rotate: Rotate
    suppressions: Suppressions
    events: Events
    forwards: Forwards
    dead_letters: DeadLetters
    tokens: TokenOffice
    erase: Erase
    export_subject: ExportSubject
    reports: Reports
    audit: Audit
    simulate: Simulate


def routes_to(handlers: Handlers) -> tuple[Route, ...]:
    """The whole table, in the order of the document."""
    return (
        *_accounts(handlers.accounts),
        *_numbers(handlers.numbers),
        *_integrations(handlers.integrations, handlers.rotate, CrmTemplates(rotate=handlers.rotate)),
        *_suppressions(handlers.suppressions),
        *_events(handlers.events),
        *_forwards(handlers.forwards),
        *_dead_letters(handlers.dead_letters),
        *_reports(handlers.reports),
        *_audit(handlers.audit),
        *_policy(handlers.simulate),
        *_tokens(handlers.tokens),
        *_subjects(handlers.erase, handlers.export_subject),
    )


def _accounts(accounts: Accounts) -> tuple[Route, ...]:
    one = "/accounts/{account_id}"
    return (
        Route(
            method="POST",
            path="/accounts",
            name="create_account",
            summary="Make an account",
            operation=accounts.create,
            body=AccountCreate,
            answers={HTTPStatus.CREATED: AccountShown},
            role=Role.ADMIN,
        ),
        Route(
            method="GET",
            path="/accounts",
            name="list_accounts",
            summary="List accounts",
            operation=accounts.page,
            query=Query,
            answers={HTTPStatus.OK: Listed[AccountShown]},
        ),
        Route(
            method="GET",
            path=one,
            name="show_account",
            summary="Show an account",
            operation=accounts.show,
            answers={HTTPStatus.OK: AccountShown},
        ),
        Route(
            method="PATCH",
            path=one,
            name="edit_account",
            summary="Edit an account",
            operation=accounts.edit,
            body=AccountEdit,
            answers={HTTPStatus.OK: AccountShown},
            role=Role.ADMIN,
            conflicts=True,
        ),
    )


def _numbers(numbers: Numbers) -> tuple[Route, ...]:
    many = "/accounts/{account_id}/instances"
    one = f"{many}/{{instance_id}}"
    return (
        Route(
            method="POST",
            path=many,
            name="create_instance",
            summary="Add a WhatsApp number to an account; the answer shows its webhook's secret (Evolution) this once",
            operation=numbers.create,
            body=NumberCreate,
            answers={HTTPStatus.CREATED: NumberCreated},
            role=Role.OPERATOR,
            conflicts=True,
        ),
        Route(
            method="GET",
            path=many,
            name="list_instances",
            summary="List an account's WhatsApp numbers",
            operation=numbers.page,
            query=Query,
            answers={HTTPStatus.OK: Listed[NumberShown]},
        ),
        Route(
            method="GET",
            path=one,
            name="show_instance",
            summary="Show a WhatsApp number",
            operation=numbers.show,
            answers={HTTPStatus.OK: NumberShown},
        ),
        Route(
            method="PATCH",
            path=one,
            name="edit_instance",
            summary="Edit a WhatsApp number: its speed, pause, access token or address",
            operation=numbers.edit,
            body=NumberEdit,
            answers={HTTPStatus.OK: NumberShown},
            role=Role.OPERATOR,
            conflicts=True,
        ),
        Route(
            method="POST",
            path=f"{one}/rotate-secret",
            name="rotate_instance_secret",
            summary="Make a new secret for what the number's own server (Evolution) posts",
            operation=RotateForNumber(numbers),
            body=RotateNumberSecret,
            answers={HTTPStatus.OK: NumberSecretRotated},
            role=Role.OPERATOR,
            conflicts=True,
        ),
    )


def _integrations(integrations: Integrations, rotate: Rotate, crm: CrmTemplates) -> tuple[Route, ...]:
    one = "/integrations/{integration_id}"
    return (
        Route(
            method="POST",
            path="/integrations",
            name="create_integration",
            summary="Connect a 3CX system; the answer shows its secret this once",
            operation=integrations.create,
            body=IntegrationCreate,
            answers={HTTPStatus.CREATED: IntegrationCreated},
            role=Role.OPERATOR,
        ),
        Route(
            method="GET",
            path="/integrations",
            name="list_integrations",
            summary="List integrations",
            operation=integrations.page,
            query=IntegrationQuery,
            answers={HTTPStatus.OK: Listed[IntegrationShown]},
        ),
        Route(
            method="GET",
            path=one,
            name="show_integration",
            summary="Show an integration",
            operation=integrations.show,
            answers={HTTPStatus.OK: IntegrationShown},
        ),
        Route(
            method="PATCH",
            path=one,
            name="edit_integration",
            summary="Edit an integration",
            operation=integrations.edit,
            body=IntegrationEdit,
            answers={HTTPStatus.OK: IntegrationEdited},
            role=Role.OPERATOR,
            conflicts=True,
        ),
        Route(
            method="POST",
            path=f"{one}/rotate-secret",
            name="rotate_secret",
            summary="Make a new secret; old ones stay valid for the overlap asked for",
            operation=rotate,
            body=RotateSecret,
            answers={HTTPStatus.OK: SecretRotatedShown},
            role=Role.OPERATOR,
            conflicts=True,
        ),
        *_for_senders_without_headers(one, crm),
    )


def _for_senders_without_headers(one: str, crm: CrmTemplates) -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path=f"{one}/rotate-path-token",
            name="rotate_path_token",
            summary="Make a new token for the URL of senders that cannot set headers: call events only",
            operation=crm.new_token,
            body=CrmTemplateAsked,
            answers={HTTPStatus.OK: SecretRotatedShown},
            role=Role.OPERATOR,
            conflicts=True,
        ),
        Route(
            method="GET",
            path=f"{one}/crm-template.xml",
            name="show_crm_template",
            summary="A 3CX CRM template (XML) that reports ended calls; 3CX asks for the webhook secret",
            operation=crm.show,
            answers={HTTPStatus.OK: XmlDocument},
        ),
        Route(
            method="POST",
            path=f"{one}/crm-template.xml",
            name="create_crm_template",
            summary="The same with a new path token in its URL, shown this once: ready to upload in 3CX",
            operation=crm.create,
            body=CrmTemplateAsked,
            answers={HTTPStatus.OK: XmlDocument},
            role=Role.OPERATOR,
            conflicts=True,
        ),
    )


def _suppressions(suppressions: Suppressions) -> tuple[Route, ...]:
    one = "/suppressions/{suppression_id}"
    return (
        Route(
            method="POST",
            path="/suppressions",
            name="create_suppression",
            summary="Suppress a customer; 200 with what stands when they are already",
            operation=suppressions.create,
            body=SuppressionAsked,
            answers={HTTPStatus.CREATED: SuppressionShown, HTTPStatus.OK: SuppressionShown},
            role=Role.OPERATOR,
            conflicts=True,
        ),
        Route(
            method="GET",
            path="/suppressions",
            name="list_suppressions",
            summary="List who is suppressed",
            operation=suppressions.page,
            query=SuppressionQuery,
            answers={HTTPStatus.OK: Listed[SuppressionShown]},
        ),
        Route(
            method="GET",
            path=one,
            name="show_suppression",
            summary="Show a suppression, lifted or not",
            operation=suppressions.show,
            answers={HTTPStatus.OK: SuppressionShown},
        ),
        Route(
            method="DELETE",
            path=one,
            name="lift_suppression",
            summary="Lift a suppression",
            operation=suppressions.lift,
            query=LiftQuery,
            answers={HTTPStatus.OK: SuppressionShown},
            role=Role.OPERATOR,
        ),
    )


def _events(events: Events) -> tuple[Route, ...]:
    return (
        Route(
            method="GET",
            path="/events",
            name="list_events",
            summary="Search the record, newest first",
            operation=events.page,
            query=EventQuery,
            answers={HTTPStatus.OK: Listed[RecordShown]},
        ),
        Route(
            method="GET",
            path="/events/{event_id}",
            name="show_event",
            summary="Show everything on record about one webhook or WhatsApp message, oldest first",
            operation=events.story,
            answers={HTTPStatus.OK: Story},
        ),
    )


def _forwards(forwards: Forwards) -> tuple[Route, ...]:
    return (
        Route(
            method="GET",
            path="/forwards",
            name="list_forwards",
            summary="List what 3CX systems were told, the latest first",
            operation=forwards.page,
            query=ForwardQuery,
            answers={HTTPStatus.OK: Listed[ForwardShown]},
        ),
        Route(
            method="GET",
            path="/forwards/{forward_id}",
            name="show_forward",
            summary="Show one forward with every try",
            operation=forwards.show,
            answers={HTTPStatus.OK: ForwardTold},
        ),
    )


def _dead_letters(dead_letters: DeadLetters) -> tuple[Route, ...]:
    one = "/dead-letters/{dead_letter_id}"
    return (
        Route(
            method="GET",
            path="/dead-letters",
            name="list_dead_letters",
            summary="List what could not be processed, the latest first",
            operation=dead_letters.page,
            query=DeadLetterQuery,
            answers={HTTPStatus.OK: Listed[DeadLetterShown]},
        ),
        Route(
            method="GET",
            path=one,
            name="show_dead_letter",
            summary="Show a dead letter, without its content",
            operation=dead_letters.show,
            answers={HTTPStatus.OK: DeadLetterShown},
        ),
        Route(
            method="POST",
            path=f"{one}/replay",
            name="replay_dead_letter",
            summary="Put a dead letter back onto its work queue",
            operation=dead_letters.replay,
            answers={HTTPStatus.OK: DeadLetterShown},
            role=Role.OPERATOR,
            conflicts=True,
        ),
    )


def _reports(reports: Reports) -> tuple[Route, ...]:
    return (
        Route(
            method="GET",
            path="/reports/compliance",
            name="compliance_report",
            summary="The compliance report of an account and a period; reading it is on record",
            operation=reports.compliance,
            query=ReportQuery,
            answers={HTTPStatus.OK: ComplianceReport},
            forms=("text/csv", "text/html", "application/pdf"),
        ),
    )


def _audit(audit: Audit) -> tuple[Route, ...]:
    return (
        Route(
            method="GET",
            path="/audit/verify",
            name="verify_record",
            summary="Recompute the record's chains and checkpoints, and name the first fault",
            operation=audit.verify,
            query=ChainQuery,
            answers={HTTPStatus.OK: VerificationShown},
            conflicts=True,
        ),
        Route(
            method="GET",
            path="/audit/keys",
            name="list_public_keys",
            summary="The public keys that checkpoints are checked with",
            operation=audit.public_keys,
            answers={HTTPStatus.OK: KeysShown},
        ),
        Route(
            method="GET",
            path="/audit/export",
            name="export_record",
            summary="Records, checkpoints and keys as JSON lines, which can be verified offline; it is on record",
            operation=audit.export,
            query=ChainQuery,
            answers={HTTPStatus.OK: ExportShown},
            forms=(MEDIA_TYPE,),
        ),
        Route(
            method="GET",
            path="/audit/proofs/{record_id}",
            name="prove_record",
            summary="The proof that one record stands in the record, which can be checked offline; it is on record",
            operation=audit.prove,
            answers={HTTPStatus.OK: ProofShown},
            conflicts=True,
        ),
    )


def _policy(simulate: Simulate) -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/policy/simulate",
            name="simulate",
            summary="What would be decided about a webhook, with its receipt; sends and counts nothing",
            operation=simulate,
            body=SimulationAsked,
            answers={HTTPStatus.OK: SimulationShown},
        ),
    )


def _subjects(erase: Erase, export: ExportSubject) -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/erasures",
            name="erase_subject",
            summary="Erase one customer; 202 when it goes on by itself. A legal hold refuses it",
            operation=erase.create,
            body=SubjectAsked,
            answers={HTTPStatus.OK: ErasureShown, HTTPStatus.ACCEPTED: ErasureShown},
            role=Role.ADMIN,
            conflicts=True,
        ),
        Route(
            method="POST",
            path="/subject-exports",
            name="export_subject",
            summary="Hand out all that is held of one customer",
            operation=export.create,
            body=SubjectAsked,
            answers={HTTPStatus.OK: SubjectExport},
            role=Role.ADMIN,
        ),
    )


def _tokens(tokens: TokenOffice) -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/tokens",
            name="create_token",
            summary="Make a token of this API; the answer shows it this once",
            operation=tokens.create,
            body=TokenAsked,
            answers={HTTPStatus.CREATED: TokenMade},
            role=Role.ADMIN,
        ),
        Route(
            method="GET",
            path="/tokens",
            name="list_tokens",
            summary="List tokens, also those that are over",
            operation=tokens.page,
            query=Query,
            answers={HTTPStatus.OK: Listed[TokenShown]},
            role=Role.ADMIN,
        ),
        Route(
            method="DELETE",
            path="/tokens/{token_id}",
            name="revoke_token",
            summary="End a token at once",
            operation=tokens.revoke,
            answers={HTTPStatus.OK: TokenShown},
            role=Role.ADMIN,
        ),
    )
