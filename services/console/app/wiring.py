"""The only module that knows which adapter stands behind which port of console's."""

import secrets
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from libs.chassis.clock import Clock, NewId, monotonic, new_id, utc_now
from libs.contracts.identity import keyed_hash
from libs.record.keys import key_ring_from
from libs.record.sinks import sinks_in
from libs.store.opening import Store
from services.console.adapters.opened_records import OpenedRecords
from services.console.adapters.report_folder import ReportFolder
from services.console.adapters.report_signing import ReportSigner
from services.console.adapters.report_webhook import ReportWebhook
from services.console.adapters.shipped import ShippedFiles
from services.console.adapters.unproven import unsigned, unverified
from services.console.app.recurring import again_and_again
from services.console.domain.reports import Format
from services.console.domain.secrets import SECRET_BYTES
from services.console.handlers.accounts import Accounts
from services.console.handlers.auditing import Audit
from services.console.handlers.changing import Changes
from services.console.handlers.compiling import Compile
from services.console.handlers.dead_letters import DeadLetters
from services.console.handlers.erasing import Erase
from services.console.handlers.events import Events
from services.console.handlers.exporting_subjects import ExportSubject
from services.console.handlers.forwards import Forwards
from services.console.handlers.integrations import Integrations
from services.console.handlers.letters import LettersAbout
from services.console.handlers.numbers import Numbers
from services.console.handlers.people import People
from services.console.handlers.rejecting import RejectOperator
from services.console.handlers.reports import Reports
from services.console.handlers.rotating import Rotate
from services.console.handlers.scheduling import WriteMonthly
from services.console.handlers.simulating import Simulate
from services.console.handlers.suppressions import Suppressions
from services.console.handlers.tokens import TokenOffice
from services.console.http.routes import Handlers, routes_to
from services.console.http.serving import application_from
from services.console.pages.csv_form import CsvForm
from services.console.pages.html_form import HtmlForm
from services.console.pages.json_form import JsonForm
from services.console.pages.pdf_form import PdfForm
from services.console.ports import (
    Delivers,
    NewSecret,
    Published,
    Replays,
    Seals,
    Shipped,
    Signs,
    Simulates,
    Tokens,
    Verifies,
)
from services.console.settings import ConsoleSettings

SUMMARY_SECONDS = 5.0
"""How often it is looked whether a minute's rejections are to be told."""


def new_secret() -> str:
    """32 random bytes, safe in a URL."""
    return secrets.token_urlsafe(SECRET_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Everything outside console that it talks to."""

    store: Store
    tokens: Tokens
    seals: Seals
    published: Published
    replays: Replays
    simulates: Simulates
    verifies: Verifies = field(default=unverified)
    signs: Signs = field(default=unsigned)
    clock: Clock = field(default=utc_now)
    new_id: NewId = field(default=new_id)
    new_secret: NewSecret = field(default=new_secret, repr=False)


def application(settings: ConsoleSettings, around: Surroundings) -> web.Application:
    """Wire console, for production and for tests alike."""
    reject = RejectOperator(
        outbox=around.store.outbox,
        changes=Changes(around.store.registry, around.clock, around.new_id, around.published),
        monotonic=monotonic,
    )
    app = application_from(
        routes_to(_handlers(settings, around)),
        around.tokens,
        reject,
        private_allowed=settings.allow_private_forward,
        private_providers=settings.allow_private_forward or settings.allow_private_evolution,
    )

    async def summarising(_: web.Application) -> AsyncGenerator[None, None]:
        async with again_and_again(reject.summarise, SUMMARY_SECONDS):
            yield

    app.cleanup_ctx.append(summarising)
    return app


def reports_of(settings: ConsoleSettings, around: Surroundings) -> Reports:
    """Wire what makes reports, for the door and for the schedule."""
    store = around.store
    return Reports(
        directory=store.directory,
        compile=Compile(
            tallies=store.tallies,
            records=store.records,
            chains=store.chains,
            verify=around.verifies,
            sign=around.signs,
            clock=around.clock,
            seconds=settings.report_seconds,
        ),
        outbox=store.outbox,
        changes=Changes(store.registry, around.clock, around.new_id, around.published),
        renders={Format.JSON: JsonForm(), Format.CSV: CsvForm(), Format.HTML: HtmlForm(), Format.PDF: PdfForm()},
    )


def audit_of(settings: ConsoleSettings, around: Surroundings) -> Audit:
    """Wire what proves the record."""
    ring = None if settings.signing_keys is None else key_ring_from(settings.signing_keys.get_secret_value())
    return Audit(
        chains=around.store.chains,
        checkpoints=around.store.checkpoints,
        keys={} if ring is None else ring.keys,
        shipped=_shipped(settings),
        directory=around.store.directory,
        outbox=around.store.outbox,
        changes=Changes(around.store.registry, around.clock, around.new_id, around.published),
    )


def signer_of(settings: ConsoleSettings) -> Signs:
    """Wire what signs reports."""
    ring = None if settings.signing_keys is None else key_ring_from(settings.signing_keys.get_secret_value())
    return unsigned if ring is None or ring.signing is None else ReportSigner(ring.signing)


def _shipped(settings: ConsoleSettings) -> Shipped:
    sink = settings.checkpoint_sink
    return ShippedFiles(sinks_in(None if sink is None else sink.get_secret_value()).files)


def monthly(settings: ConsoleSettings, around: Surroundings, owner: str) -> WriteMonthly | None:
    """Wire the schedule; None when nobody waits for reports."""
    deliver: list[Delivers] = []
    forms = [Format(form) for form in settings.report_formats.split(",")]
    if settings.report_dir is not None:
        deliver.append(ReportFolder(Path(settings.report_dir)))
    if settings.report_webhook_url is not None:
        secret = settings.report_webhook_secret
        key = None if secret is None else secret.get_secret_value().encode()
        deliver.append(ReportWebhook(url=settings.report_webhook_url, secret=key, clock=around.clock))
        forms = list(dict.fromkeys([Format.JSON, *forms]))
    if not deliver:
        return None
    return WriteMonthly(
        reports=reports_of(settings, around),
        registry=around.store.registry,
        errands=around.store.errands,
        deliver=deliver,
        formats=forms,
        owner=owner,
        clock=around.clock,
    )


def people_of(settings: ConsoleSettings, around: Surroundings) -> People:
    """Wire what finds persons."""
    key = settings.hash_key.get_secret_value().encode()
    return People(
        directory=around.store.directory,
        identities=around.store.identities,
        subjects=around.store.subjects,
        clock=around.clock,
        customer_key=lambda account_id, phone: keyed_hash(key, account_id, phone),
    )


def letters_about(settings: ConsoleSettings, around: Surroundings) -> LettersAbout:
    """Wire what looks through dead letters."""
    return LettersAbout(
        store=around.store.dead_letters,
        directory=around.store.directory,
        seals=around.seals,
        customer_key=people_of(settings, around).customer_key,
    )


def erase_of(settings: ConsoleSettings, around: Surroundings) -> Erase:
    """Wire what erases persons, for the door and for jobs that were left behind."""
    store = around.store
    return Erase(
        people=people_of(settings, around),
        erasures=store.erasures,
        traces=store.people,
        subjects=store.subjects,
        records=store.records,
        letters=letters_about(settings, around),
        outbox=store.outbox,
        changes=Changes(store.registry, around.clock, around.new_id, around.published),
        key=settings.hash_key.get_secret_value().encode(),
    )


def _handlers(settings: ConsoleSettings, around: Surroundings) -> Handlers:
    store, key = around.store, settings.hash_key.get_secret_value().encode()
    changes = Changes(store.registry, around.clock, around.new_id, around.published)
    return Handlers(
        reports=reports_of(settings, around),
        audit=audit_of(settings, around),
        simulate=Simulate(directory=store.directory, ask=around.simulates),
        accounts=Accounts(store.directory, store.registry, changes),
        numbers=Numbers(
            directory=store.directory,
            registry=store.registry,
            changes=changes,
            seals=around.seals,
            new_secret=around.new_secret,
            public_url=settings.webhook_origin,
        ),
        integrations=Integrations(
            directory=store.directory,
            registry=store.registry,
            changes=changes,
            seals=around.seals,
            new_secret=around.new_secret,
            public_url=settings.webhook_origin,
        ),
        rotate=Rotate(
            directory=store.directory,
            changes=changes,
            seals=around.seals,
            new_secret=around.new_secret,
            public_url=settings.webhook_origin,
        ),
        suppressions=Suppressions(
            store.suppressions, store.directory, changes, lambda account_id, phone: keyed_hash(key, account_id, phone)
        ),
        events=Events(OpenedRecords(store.records, store.subjects, around.seals), people_of(settings, around)),
        erase=erase_of(settings, around),
        export_subject=ExportSubject(
            people=people_of(settings, around),
            traces=store.people,
            records=OpenedRecords(store.records, store.subjects, around.seals),
            suppressions=store.suppressions,
            letters=letters_about(settings, around),
            outbox=store.outbox,
            changes=changes,
            key=key,
        ),
        tokens=TokenOffice(
            registry=store.token_registry, directory=store.directory, changes=changes, new_secret=around.new_secret
        ),
        forwards=Forwards(store.forwards),
        dead_letters=DeadLetters(store=store.dead_letters, replays=around.replays, seals=around.seals, changes=changes),
    )
