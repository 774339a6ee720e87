"""Connects console's handlers with their adapters, for production and for tests alike."""

from collections.abc import AsyncGenerator
from pathlib import Path

from aiohttp import web

from libs.chassis.clock import monotonic
from libs.chassis.periodic import periodic
from libs.record.keys import key_ring_from
from libs.record.sinks import checkpoint_sinks_from
from libs.store.restore_lines import sealed_keys
from libs.store.sealer import sealer_from
from services.console.adapters.null_proofs import no_signature
from services.console.adapters.report_folder import ReportFolder
from services.console.adapters.report_signer import ReportSigner
from services.console.adapters.report_webhook import ReportWebhook
from services.console.adapters.shipped_checkpoints import ShippedCheckpointFiles
from services.console.app.dead_letters import subject_dead_letters_from
from services.console.app.dependencies import Dependencies
from services.console.domain.reports.requests import Format
from services.console.handlers.accounts import Accounts
from services.console.handlers.audit import Audit
from services.console.handlers.customer_keys import CustomerKeys
from services.console.handlers.customer_lookup import CustomerLookup
from services.console.handlers.dead_letters import DeadLetters
from services.console.handlers.erasure_steps import ErasureSteps, SealKeys
from services.console.handlers.erasures import EraseSubject
from services.console.handlers.events import Events
from services.console.handlers.forwards import Forwards
from services.console.handlers.integrations import Integrations
from services.console.handlers.known_templates import KnownTemplates
from services.console.handlers.linked_keys import LinkedKeys
from services.console.handlers.numbers import Numbers
from services.console.handlers.rejections import RecordRejection
from services.console.handlers.reports.builder import BuildReport
from services.console.handlers.reports.monthly import WriteMonthlyReports
from services.console.handlers.reports.requests import Reports
from services.console.handlers.restrictions import Restrictions
from services.console.handlers.simulations import SimulateDecision
from services.console.handlers.subject_exports import ExportSubject
from services.console.handlers.subjects import SubjectLookup
from services.console.handlers.suppressions import Suppressions
from services.console.handlers.tokens import TokenAdministration
from services.console.handlers.uploads import StoreUpload
from services.console.handlers.verification_results import VerificationResults
from services.console.http.application import application_from
from services.console.http.routes import Handlers, routes_to
from services.console.pages.reports.csv_renderer import CsvRenderer
from services.console.pages.reports.html_renderer import HtmlRenderer
from services.console.pages.reports.json_renderer import JsonRenderer
from services.console.pages.reports.pdf_renderer import PdfRenderer
from services.console.ports import DeliverReport, SignReport
from services.console.settings import ConsoleSettings

SUMMARY_SECONDS = 5.0
"""How often the counts of rejected calls are recorded if their minute has ended."""


def application(settings: ConsoleSettings, deps: Dependencies) -> web.Application:
    """The HTTP application."""
    record_rejection = RecordRejection(changes=deps.changes, monotonic=monotonic)
    app = application_from(
        routes_to(_handlers(settings, deps)),
        deps.authenticator,
        record_rejection,
        private_allowed=settings.allow_private_forward,
        private_providers=settings.allow_private_forward or settings.allow_private_evolution,
    )

    async def summarise_rejections(_: web.Application) -> AsyncGenerator[None, None]:
        async with periodic("summarise rejections", record_rejection.summarise, SUMMARY_SECONDS):
            yield

    app.cleanup_ctx.append(summarise_rejections)
    return app


def reports_from(settings: ConsoleSettings, deps: Dependencies) -> Reports:
    """The handler of report requests, also used by the schedule."""
    store = deps.store
    return Reports(
        directory=store.directory,
        build=BuildReport(
            tallies=store.tallies,
            records=store.records,
            chains=store.chains,
            verify=deps.verify,
            sign=deps.sign,
            clock=deps.clock,
            seconds=settings.report_seconds,
        ),
        changes=deps.changes,
        renderers={
            Format.JSON: JsonRenderer(),
            Format.CSV: CsvRenderer(),
            Format.HTML: HtmlRenderer(),
            Format.PDF: PdfRenderer(),
        },
    )


def audit_from(settings: ConsoleSettings, deps: Dependencies) -> Audit:
    """The handler of audit requests, also used by the verification for reports."""
    ring = None if settings.signing_keys is None else key_ring_from(settings.signing_keys.get_secret_value())
    sink = None if settings.checkpoint_sink is None else settings.checkpoint_sink.get_secret_value()
    return Audit(
        chains=deps.store.chains,
        checkpoints=deps.store.checkpoints,
        keys={} if ring is None else ring.keys,
        read_shipped=ShippedCheckpointFiles(checkpoint_sinks_from(sink).files),
        directory=deps.store.directory,
        changes=deps.changes,
        results=VerificationResults(states=deps.store.verification_states, clock=deps.clock),
        places=deps.store.verified_places,
    )


def report_signer_from(settings: ConsoleSettings) -> SignReport:
    """What signs reports; without a private key they stay unsigned."""
    ring = None if settings.signing_keys is None else key_ring_from(settings.signing_keys.get_secret_value())
    return no_signature if ring is None or ring.signing is None else ReportSigner(ring.signing)


def monthly_reports_from(settings: ConsoleSettings, deps: Dependencies, owner: str) -> WriteMonthlyReports | None:
    """The schedule of monthly reports; None when no delivery is configured."""
    deliveries: list[DeliverReport] = []
    formats = [Format(format_) for format_ in settings.report_formats.split(",")]
    if settings.report_dir is not None:
        deliveries.append(ReportFolder(Path(settings.report_dir)))
    if settings.report_webhook_url is not None:
        secret = settings.report_webhook_secret
        key = None if secret is None else secret.get_secret_value().encode()
        deliveries.append(ReportWebhook(url=settings.report_webhook_url, secret=key, clock=deps.clock))
        formats = list(dict.fromkeys([Format.JSON, *formats]))
    if not deliveries:
        return None
    return WriteMonthlyReports(
        reports=reports_from(settings, deps),
        registry=deps.store.registry,
        job_leases=deps.store.job_leases,
        deliveries=deliveries,
        formats=formats,
        owner=owner,
        clock=deps.clock,
    )


def _subject_lookup(settings: ConsoleSettings, deps: Dependencies) -> SubjectLookup:
    return SubjectLookup(
        directory=deps.store.directory,
        subjects=deps.store.subjects,
        pseudonyms=settings.pseudonyms,
        customer=_customer_lookup(settings, deps),
        keys=_customer_keys(settings, deps),
    )


def _customer_keys(settings: ConsoleSettings, deps: Dependencies) -> CustomerKeys:
    return CustomerKeys(_linked_keys(deps), deps.store.customer_links, settings.pseudonyms, deps.sealer)


def _linked_keys(deps: Dependencies) -> LinkedKeys:
    return LinkedKeys(deps.store.identities, deps.store.customer_links, deps.clock)


def _customer_lookup(settings: ConsoleSettings, deps: Dependencies) -> CustomerLookup:
    return CustomerLookup(deps.store.customers, settings.pseudonyms)


def erasure_from(settings: ConsoleSettings, deps: Dependencies) -> EraseSubject:
    """The handler of erasure requests, also used to resume interrupted erasures."""
    store = deps.store
    return EraseSubject(
        lookup=_subject_lookup(settings, deps),
        erasures=store.erasures,
        erased_customers=store.erased_customers,
        changes=deps.changes,
        steps=ErasureSteps(
            erasures=store.erasures,
            personal_data=store.personal_data,
            erased_customers=store.erased_customers,
            subjects=store.subjects,
            records=store.records,
            dead_letters=subject_dead_letters_from(settings, deps),
            changes=deps.changes,
            seal=key_seal_from(settings),
        ),
    )


def key_seal_from(settings: ConsoleSettings) -> SealKeys:
    """What seals the customer keys of erasures for the sink."""
    if settings.sink_keys is None:
        return lambda _: None
    sealer = sealer_from(settings.sink_keys.get_secret_value())
    return lambda erasure: sealed_keys(erasure.customer_keys, sealer, erasure_id=erasure.id)


def _handlers(settings: ConsoleSettings, deps: Dependencies) -> Handlers:
    store, changes, url = deps.store, deps.changes, settings.webhook_origin
    lookup = _subject_lookup(settings, deps)
    return Handlers(
        reports=reports_from(settings, deps),
        audit=audit_from(settings, deps),
        simulate=SimulateDecision(directory=store.directory, simulate=deps.simulate),
        accounts=Accounts(store.directory, store.registry, changes),
        numbers=Numbers(
            directory=store.directory,
            registry=store.registry,
            changes=changes,
            sealer=deps.sealer,
            new_secret=deps.new_secret,
            public_url=url,
        ),
        integrations=Integrations(
            directory=store.directory,
            registry=store.registry,
            changes=changes,
            sealer=deps.sealer,
            new_secret=deps.new_secret,
            public_url=url,
        ),
        suppressions=Suppressions(
            store.suppressions,
            store.directory,
            changes,
            lookup.customer,
            _linked_keys(deps),
        ),
        restrictions=Restrictions(store.restrictions, store.standing_restrictions, changes),
        known_templates=KnownTemplates(store.directory, store.templates, deps.clock),
        store_upload=StoreUpload(store.uploads, store.directory, deps.sealer, deps.clock, changes.new_id),
        events=Events(deps.decrypted_records, lookup),
        erase=erasure_from(settings, deps),
        export=ExportSubject(
            lookup=lookup,
            personal_data=store.personal_data,
            records=deps.decrypted_records,
            suppressions=store.suppressions,
            dead_letters=subject_dead_letters_from(settings, deps),
            changes=changes,
        ),
        tokens=TokenAdministration(
            registry=store.token_registry, directory=store.directory, changes=changes, new_secret=deps.new_secret
        ),
        forwards=Forwards(store.forwards),
        dead_letters=DeadLetters(store=store.dead_letters, replayer=deps.replayer, sealer=deps.sealer, changes=changes),
    )
