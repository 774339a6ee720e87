"""Opens the SQLite store: five files in one directory, each with one writer."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from libs.store.metrics import SIZE_BYTES, failed
from libs.store.migration import Migrated, MissingIndexes, Say
from libs.store.sqlite import schema
from libs.store.sqlite.accounts import SqliteDirectory, SqliteRegistry
from libs.store.sqlite.allowances import SqliteAllowances
from libs.store.sqlite.approvals import SqliteApprovals
from libs.store.sqlite.chains import SqliteChains, SqliteCheckpoints, SqlitePurges
from libs.store.sqlite.chats import SqliteChatRefusals, SqlitePseudoNumbers
from libs.store.sqlite.claim_looks import SqliteClaimLooks
from libs.store.sqlite.connections import create_tables, holds, migrate_tables
from libs.store.sqlite.consents import SqliteConsents, SqliteImportedRows
from libs.store.sqlite.contact_book import SqliteContactBook
from libs.store.sqlite.conversations import SqliteConversations
from libs.store.sqlite.cumulative_log import SqliteLogBatches, SqliteLogCheckpoints, SqliteLogIndex
from libs.store.sqlite.customer_links import SqliteCustomerLinks
from libs.store.sqlite.customers import SqliteCustomers
from libs.store.sqlite.database import Database
from libs.store.sqlite.dead_letters import SqliteDeadLetters
from libs.store.sqlite.decisions import SqliteDecisions
from libs.store.sqlite.delivery_order import SqliteDeliveryOrder
from libs.store.sqlite.do_not_contact import SqliteDoNotContactEntries
from libs.store.sqlite.erased_customers import SqliteErasedCustomers
from libs.store.sqlite.erasure_jobs import SqliteErasures
from libs.store.sqlite.erasures import SqlitePersonalData
from libs.store.sqlite.failures import os_cause
from libs.store.sqlite.files import make_private_folder, staging_of
from libs.store.sqlite.forwards import SqliteForwards
from libs.store.sqlite.idempotency import SqliteAnswers, SqliteIdempotency
from libs.store.sqlite.identities import SqliteIdentities
from libs.store.sqlite.inbound_messages import SqliteInboundMessages
from libs.store.sqlite.job_leases import SqliteJobLeases
from libs.store.sqlite.ledger import SqliteLedger, SqlitePacing
from libs.store.sqlite.outbox import SqliteOutbox
from libs.store.sqlite.probes import WriteProbes
from libs.store.sqlite.purge_clock import SqlitePurgeClock
from libs.store.sqlite.records import SqliteRecords
from libs.store.sqlite.restrictions import SqliteRestrictions
from libs.store.sqlite.sink_lines import SqliteSinkLines
from libs.store.sqlite.statuses import SqliteStatuses
from libs.store.sqlite.steps import Step, missing_steps
from libs.store.sqlite.subjects import SqliteSubjects
from libs.store.sqlite.suppressions import SqliteSuppressions
from libs.store.sqlite.tallies import SqliteTallies
from libs.store.sqlite.template_recipients import SqliteTemplateRecipients
from libs.store.sqlite.templates import SqliteTemplates
from libs.store.sqlite.tokens import SqliteTokens
from libs.store.sqlite.uploads import SqliteUploads
from libs.store.sqlite.verified import SqliteVerificationStates, SqliteVerifiedLog, SqliteVerifiedPlaces
from libs.store.store import Store

SIBLINGS: Final[Mapping[str, str]] = {
    "requests": schema.REQUESTS,
    "ledger": schema.LEDGER,
    "records": schema.RECORDS,
    "subjects": schema.SUBJECTS,
}
"""The files beside the main one, with their tables."""


async def open_sqlite(path: Path) -> Store:
    """Open `path` and its sibling files for requests, ledger, records and subjects; raises as `open_store` does."""
    databases, lacking = await asyncio.to_thread(_open_files, path)
    main, requests, ledger, records, subjects = databases

    probes = WriteProbes(databases, MissingIndexes(partial(_missing_indexes, databases), lacking))

    async def close() -> None:
        for database in databases:
            await database.close()

    delivery_order, restrictions = SqliteDeliveryOrder(main), SqliteRestrictions(main)
    return Store(
        directory=SqliteDirectory(main),
        registry=SqliteRegistry(main),
        business_accounts=SqliteRegistry(main),
        outbox=SqliteOutbox(main),
        conversations=SqliteConversations(main),
        suppressions=SqliteSuppressions(main),
        consents=SqliteConsents(main),
        imported_rows=SqliteImportedRows(main),
        customers=SqliteCustomers(main),
        customer_links=SqliteCustomerLinks(main),
        restrictions=restrictions,
        standing_restrictions=restrictions,
        restriction_counts=restrictions,
        template_recipients=SqliteTemplateRecipients(main),
        pseudo_numbers=SqlitePseudoNumbers(main),
        chat_refusals=SqliteChatRefusals(main),
        contact_book=SqliteContactBook(main),
        identities=SqliteIdentities(main),
        decisions=SqliteDecisions(main, delivery_order),
        claim_looks=SqliteClaimLooks(main),
        ledger=SqliteLedger(ledger),
        pacing=SqlitePacing(ledger),
        statuses=SqliteStatuses(ledger),
        templates=SqliteTemplates(main),
        inbound_messages=SqliteInboundMessages(main),
        uploads=SqliteUploads(main),
        delivery_order=delivery_order,
        idempotency=SqliteIdempotency(requests),
        answers=SqliteAnswers(requests, records, ledger),
        records=SqliteRecords(records),
        chains=SqliteChains(records),
        checkpoints=SqliteCheckpoints(records),
        purges=SqlitePurges(records),
        purge_clock=SqlitePurgeClock(records),
        log_batches=SqliteLogBatches(records),
        log_repair=SqliteLogBatches(records),
        log_index=SqliteLogIndex(records),
        log_places=SqliteLogIndex(records),
        log_checkpoints=SqliteLogCheckpoints(records),
        sink_lines=SqliteSinkLines(records),
        forwards=SqliteForwards(ledger),
        dead_letters=SqliteDeadLetters(main),
        tallies=SqliteTallies(records),
        job_leases=SqliteJobLeases(main),
        verification_states=SqliteVerificationStates(main),
        verified_places=SqliteVerifiedPlaces(main),
        verified_log=SqliteVerifiedLog(main),
        subjects=SqliteSubjects(subjects),
        tokens=SqliteTokens(main),
        token_registry=SqliteTokens(main),
        erasures=SqliteErasures(main),
        personal_data=SqlitePersonalData(main, ledger, requests),
        erased_customers=SqliteErasedCustomers(main),
        approvals=SqliteApprovals(main),
        allowances=SqliteAllowances(main),
        do_not_contact_entries=SqliteDoNotContactEntries(main),
        probe=probes,
        close=close,
    )


async def migrate_sqlite(path: Path, say: Say) -> Migrated:
    """As `migrate_store`, for `path` and its sibling files."""
    done = await asyncio.to_thread(
        lambda: [
            step
            for file, tables, create in _files_of(path)
            for step in migrate_tables(file, tables, schema.VERSION, say, create=create)
        ]
    )
    return Migrated(tuple(done), schema.VERSION)


def files_of(path: Path) -> dict[str, Path]:
    """The five files of the store by name, the main one first."""
    return {"main": path, **{name: sibling_path(path, name) for name in SIBLINGS}}


def create_subjects(path: Path) -> None:
    """Create a file for persons' keys that holds none."""
    create_tables(path, schema.SUBJECTS, schema.VERSION)


def _open_files(path: Path) -> tuple[list[Database], list[str]]:
    """Open the five files, the main one first; and the indexes that they lack."""
    opened, missing = [], []
    for file, tables, create in _files_of(path):  # every refusal happens before a thread starts
        missing += create_tables(file, tables, schema.VERSION, create=create)
        opened.append(file)
    databases = [Database(file) for file in (opened[-1], *opened[:-1])]
    for name, database in zip(("main", *SIBLINGS), databases, strict=True):
        SIZE_BYTES.labels(name).set_function(database.file.size)
    return databases, missing


def _files_of(path: Path) -> Iterator[tuple[Path, str, bool]]:
    """The five files with their tables, and whether each may be created. Create or open one before you take the next.

    Beside a file that is in use none is created in place of a lost one: an empty ledger in place of a lost one would
    let messages be sent again, and an empty record would begin anew.
    """
    if path.is_dir():
        raise ValueError("the SQLite store's URL names a folder, not a file")
    if staging_of(path).exists() and not path.exists():
        raise RuntimeError("the store is being restored: let `gateway restore` end, or type it again")
    try:
        make_private_folder(path.parent)
    except OSError as error:
        raise failed(os_cause(error), f"the store's folder cannot be used: {error.strerror}") from error
    set_up = holds(path, "PRAGMA user_version")
    for name, tables in SIBLINGS.items():
        yield sibling_path(path, name), tables, not set_up
    # The main file is the last, so that a first start that was cut off goes on.
    yield path, schema.MAIN, not holds(sibling_path(path, "ledger"), "SELECT EXISTS (SELECT 1 FROM entries)")


async def _missing_indexes(databases: Sequence[Database]) -> list[str]:
    """The indexes that the open files lack."""
    missing: list[Step] = []
    for database, tables in zip(databases, (schema.MAIN, *SIBLINGS.values()), strict=True):
        missing += await database.scan(partial(missing_steps, schema=tables))
    return [step.name for step in missing if step.is_index]


def sibling_path(path: Path, what: str) -> Path:
    """The path of another file of the store: `gateway-ledger.db` for `gateway.db` and `ledger`."""
    return path.with_name(f"{path.stem}-{what}{path.suffix}")
