"""Connects console's handlers with their adapters, for production and for tests alike."""

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from aiohttp import web

from libs.chassis.clock import monotonic
from libs.chassis.periodic import periodic
from libs.record.keys import PublicKeys, key_ring_from
from libs.record.sinks import checkpoint_sinks_from
from libs.store.log_proofs import LogProofs
from libs.store.log_verification import LogReader
from libs.store.store import Store
from services.console.adapters.report_folder import ReportFolder
from services.console.adapters.report_signer import ReportSigner
from services.console.adapters.report_webhook import ReportWebhook
from services.console.adapters.shipped_checkpoints import ShippedCheckpointFiles, ShippedLogFiles
from services.console.app.dead_letters import subject_dead_letters_from
from services.console.app.dependencies import Dependencies
from services.console.app.imports import consent_imports_from, suppression_imports_from
from services.console.app.subjects import (
    apply_approval_from,
    contact_books_from,
    earlier_erasures_from,
    erasure_from,
    linked_keys_from,
    second_person_from,
    subject_lookup_from,
)
from services.console.domain.reports.requests import Format
from services.console.handlers.access_log import AccessLog
from services.console.handlers.accounts import Accounts
from services.console.handlers.approvals import Approvals
from services.console.handlers.audit import Audit
from services.console.handlers.consents import ConsentRecords, WithdrawConsents
from services.console.handlers.dead_letters import DeadLetters
from services.console.handlers.events import Events
from services.console.handlers.forwards import Forwards
from services.console.handlers.integrations import Integrations
from services.console.handlers.known_templates import KnownTemplates
from services.console.handlers.lifts import LiftSuppression
from services.console.handlers.log import Log
from services.console.handlers.numbers import Numbers
from services.console.handlers.person_lookups import PersonLookups
from services.console.handlers.rejections import RecordRejection
from services.console.handlers.reports.builder import BuildReport
from services.console.handlers.reports.counted_records import CountRecords
from services.console.handlers.reports.monthly import WriteMonthlyReports
from services.console.handlers.reports.requests import Reports
from services.console.handlers.reports.verification import DescribeVerification, open_erasures_of
from services.console.handlers.restrictions import Restrictions
from services.console.handlers.simulations import SimulateDecision
from services.console.handlers.subject_exports import ExportSubject
from services.console.handlers.subject_records import SubjectRecords
from services.console.handlers.suppression_exports import ExportSuppressions
from services.console.handlers.suppressions import Suppressions
from services.console.handlers.tokens import TokenAdministration
from services.console.handlers.uploads import StoreUpload
from services.console.handlers.verification_results import VerificationResults
from services.console.http.access import AccessControl
from services.console.http.application import application_from
from services.console.http.routes.table import Handlers, routes_to
from services.console.pages.reports.csv_renderer import CsvRenderer
from services.console.pages.reports.html_renderer import HtmlRenderer
from services.console.pages.reports.json_renderer import JsonRenderer
from services.console.pages.reports.pdf_renderer import PdfRenderer
from services.console.ports import DeliverReport
from services.console.settings import ConsoleSettings

SUMMARY_SECONDS = 5.0
"""How often the counts of rejected calls are recorded if their minute has ended."""


def application(settings: ConsoleSettings, deps: Dependencies) -> web.Application:
    """The HTTP application."""
    record_rejection = RecordRejection(changes=deps.changes, monotonic=monotonic)
    access_log = AccessLog(changes=deps.changes, monotonic=monotonic)
    lookups = PersonLookups(allowances=deps.store.allowances, clock=deps.clock, limit=settings.phone_lookups_per_hour)
    app = application_from(
        routes_to(_handlers(settings, deps)),
        deps.authenticator,
        record_rejection,
        AccessControl(access_log, lookups),
        private_allowed=settings.allow_private_forward,
        private_providers=settings.allow_private_forward or settings.allow_private_evolution,
    )

    async def summarise(_: web.Application) -> AsyncGenerator[None, None]:
        async with (
            periodic("summarise rejections", record_rejection.summarise, SUMMARY_SECONDS),
            periodic("summarise refused accesses", access_log.summarise, SUMMARY_SECONDS),
        ):
            yield
        await access_log.summarise(final=True)

    app.cleanup_ctx.append(summarise)
    return app


def reports_from(settings: ConsoleSettings, deps: Dependencies) -> Reports:
    """The handler of report requests, also used by the schedule."""
    store = deps.store
    ring = None if settings.signing_keys is None else key_ring_from(settings.signing_keys.get_secret_value())
    sink = None if settings.checkpoint_sink is None else settings.checkpoint_sink.get_secret_value()
    return Reports(
        directory=store.directory,
        build=BuildReport(
            count=CountRecords(
                chains=store.chains,
                checkpoints=store.checkpoints,
                tallies=store.tallies,
                keys={} if ring is None else ring.keys,
            ),
            chains=store.chains,
            read_shipped=ShippedCheckpointFiles(checkpoint_sinks_from(sink).files),
            describe=DescribeVerification(store.verification_states),
            open_erasures=open_erasures_of(store.erasures),
            sign=deps.sign,
            clock=deps.clock,
            seconds=settings.report_seconds,
        ),
        changes=deps.changes,
        seal=deps.seal,
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
        log=log_from(deps.store, {} if ring is None else ring.keys, checkpoint_sinks_from(sink).files),
    )


def log_from(store: Store, keys: PublicKeys, shipped: Sequence[Path]) -> Log:
    """The handler of the cumulative log."""
    batches, checkpoints = store.log_batches, store.log_checkpoints
    return Log(
        batches=batches,
        checkpoints=checkpoints,
        proofs=LogProofs(store.log_index, store.log_places, checkpoints),
        reader=LogReader(chains=store.chains, batches=batches, checkpoints=checkpoints, keys=keys),
        keys=keys,
        read_shipped=ShippedLogFiles(shipped),
        verified_log=store.verified_log,
    )


def report_signer_from(settings: ConsoleSettings) -> ReportSigner | None:
    """What signs reports; None without a private key: they stay unsigned."""
    ring = None if settings.signing_keys is None else key_ring_from(settings.signing_keys.get_secret_value())
    return None if ring is None or ring.signing is None else ReportSigner(ring.signing)


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


def _handlers(settings: ConsoleSettings, deps: Dependencies) -> Handlers:
    store, changes, url = deps.store, deps.changes, settings.webhook_origin
    lookup, second_person = subject_lookup_from(settings, deps), second_person_from(settings, deps)
    withdraw_consents = WithdrawConsents(store.consents, changes, linked_keys_from(deps))
    return Handlers(
        reports=reports_from(settings, deps),
        audit=audit_from(settings, deps),
        simulate=SimulateDecision(directory=store.directory, simulate=deps.simulate),
        accounts=Accounts(store.directory, store.registry, changes, second_person),
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
            linked_keys_from(deps),
            LiftSuppression(store.suppressions, linked_keys_from(deps), changes),
            second_person,
            withdraw_consents,
        ),
        export_suppressions=ExportSuppressions(store.suppressions, store.directory, deps.do_not_contact),
        approvals=Approvals(apply_approval_from(settings, deps)),
        consents=ConsentRecords(
            store.consents,
            store.directory,
            changes,
            lookup.customer,
            linked_keys_from(deps),
            withdraw_consents,
            earlier_erasures_from(deps),
        ),
        import_suppressions=suppression_imports_from(deps, lookup.customer),
        import_consents=consent_imports_from(deps, lookup.customer),
        restrictions=Restrictions(store.restrictions, store.standing_restrictions, changes),
        known_templates=KnownTemplates(store.directory, store.templates, deps.clock),
        store_upload=StoreUpload(store.uploads, store.directory, deps.sealer, deps.clock, changes.new_id),
        events=Events(deps.decrypted_records, lookup),
        erase=erasure_from(settings, deps),
        contact_books=contact_books_from(deps),
        export=ExportSubject(
            lookup=lookup,
            personal_data=store.personal_data,
            records=SubjectRecords(deps.decrypted_records, settings.pseudonyms),
            registry=store.registry,
            dead_letter_days=settings.dead_letter_days,
            dead_letters=subject_dead_letters_from(settings, deps),
            pseudo_numbers=store.pseudo_numbers,
            changes=changes,
        ),
        tokens=TokenAdministration(
            registry=store.token_registry, directory=store.directory, changes=changes, new_secret=deps.new_secret
        ),
        forwards=Forwards(store.forwards),
        dead_letters=DeadLetters(store=store.dead_letters, replayer=deps.replayer, sealer=deps.sealer, changes=changes),
    )
