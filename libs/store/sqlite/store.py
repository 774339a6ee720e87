"""Opens the SQLite store: five files in one directory, each with one writer."""

import asyncio
from pathlib import Path

from libs.contracts.errors import GatewayError, unavailable
from libs.store.sqlite import schema
from libs.store.sqlite.accounts import SqliteDirectory, SqliteRegistry
from libs.store.sqlite.chains import SqliteChains, SqliteCheckpoints, SqlitePurges
from libs.store.sqlite.conversations import SqliteConversations
from libs.store.sqlite.customer_links import SqliteCustomerLinks
from libs.store.sqlite.customers import SqliteCustomers
from libs.store.sqlite.database import Database, create_tables
from libs.store.sqlite.dead_letters import SqliteDeadLetters
from libs.store.sqlite.decisions import SqliteDecisions
from libs.store.sqlite.delivery_order import SqliteDeliveryOrder
from libs.store.sqlite.erased_customers import SqliteErasedCustomers
from libs.store.sqlite.erasure_jobs import SqliteErasures
from libs.store.sqlite.erasures import SqlitePersonalData
from libs.store.sqlite.forwards import SqliteForwards
from libs.store.sqlite.idempotency import SqliteAnswers, SqliteIdempotency
from libs.store.sqlite.identities import SqliteIdentities
from libs.store.sqlite.job_leases import SqliteJobLeases
from libs.store.sqlite.ledger import SqliteLedger, SqlitePacing
from libs.store.sqlite.outbox import SqliteOutbox
from libs.store.sqlite.records import SqliteRecords
from libs.store.sqlite.restrictions import SqliteRestrictions
from libs.store.sqlite.statuses import SqliteStatuses
from libs.store.sqlite.subjects import SqliteSubjects
from libs.store.sqlite.suppressions import SqliteSuppressions
from libs.store.sqlite.tallies import SqliteTallies
from libs.store.sqlite.template_recipients import SqliteTemplateRecipients
from libs.store.sqlite.tokens import SqliteTokens
from libs.store.store import Store


async def open_sqlite(path: Path) -> Store:
    """Open `path` and its sibling files for requests, ledger, records and subjects; raises as `open_store` does."""
    main, requests, ledger, records, subjects = await asyncio.to_thread(_open_files, path)

    async def healthy() -> bool:
        try:
            return main.row("SELECT 1") is not None
        except GatewayError:
            return False

    async def close() -> None:
        for database in (main, requests, ledger, records, subjects):
            await database.close()

    delivery_order, restrictions = SqliteDeliveryOrder(main), SqliteRestrictions(main)
    return Store(
        directory=SqliteDirectory(main),
        registry=SqliteRegistry(main),
        business_accounts=SqliteRegistry(main),
        outbox=SqliteOutbox(main),
        conversations=SqliteConversations(main),
        suppressions=SqliteSuppressions(main),
        customers=SqliteCustomers(main),
        customer_links=SqliteCustomerLinks(main),
        restrictions=restrictions,
        standing_restrictions=restrictions,
        restriction_counts=restrictions,
        template_recipients=SqliteTemplateRecipients(main),
        identities=SqliteIdentities(main),
        decisions=SqliteDecisions(main, delivery_order),
        ledger=SqliteLedger(ledger),
        pacing=SqlitePacing(ledger),
        statuses=SqliteStatuses(ledger),
        delivery_order=delivery_order,
        idempotency=SqliteIdempotency(requests),
        answers=SqliteAnswers(requests, records, ledger),
        records=SqliteRecords(records),
        chains=SqliteChains(records),
        checkpoints=SqliteCheckpoints(records),
        purges=SqlitePurges(records),
        forwards=SqliteForwards(ledger),
        dead_letters=SqliteDeadLetters(main),
        tallies=SqliteTallies(records),
        job_leases=SqliteJobLeases(main),
        subjects=SqliteSubjects(subjects),
        tokens=SqliteTokens(main),
        token_registry=SqliteTokens(main),
        erasures=SqliteErasures(main),
        personal_data=SqlitePersonalData(main, ledger, requests),
        erased_customers=SqliteErasedCustomers(main),
        healthy=healthy,
        close=close,
    )


def _open_files(path: Path) -> list[Database]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unavailable("store") from error
    files = {
        path: schema.MAIN,
        sibling_path(path, "requests"): schema.REQUESTS,
        sibling_path(path, "ledger"): schema.LEDGER,
        sibling_path(path, "records"): schema.RECORDS,
        sibling_path(path, "subjects"): schema.SUBJECTS,
    }
    for file, tables in files.items():  # every refusal happens before a thread starts
        create_tables(file, tables, schema.VERSION)
    return [Database(file) for file in files]


def sibling_path(path: Path, what: str) -> Path:
    """The path of another file of the store: `gateway-ledger.db` for `gateway.db` and `ledger`."""
    return path.with_name(f"{path.stem}-{what}{path.suffix}")
