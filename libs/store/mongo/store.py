"""Opens and migrates the MongoDB store: connects, checks schema and indexes, and wires an adapter for each port."""

from collections.abc import Sequence
from functools import partial

from libs.store.migration import Migrated, MissingIndexes, Say, require_current_schema
from libs.store.mongo.accounts import MongoDirectory, MongoRegistry
from libs.store.mongo.allowances import MongoAllowances
from libs.store.mongo.approvals import MongoApprovals
from libs.store.mongo.buckets import MongoPacing
from libs.store.mongo.chains import MongoChains, MongoCheckpoints, MongoPurges
from libs.store.mongo.chats import MongoChatRefusals, MongoPseudoNumbers
from libs.store.mongo.claim_looks import MongoClaimLooks
from libs.store.mongo.consents import MongoConsents, MongoImportedRows
from libs.store.mongo.contact_book import MongoContactBook
from libs.store.mongo.conversations import MongoConversations
from libs.store.mongo.cumulative_log import MongoLogBatches, MongoLogCheckpoints, MongoLogIndex
from libs.store.mongo.customer_links import MongoCustomerLinks
from libs.store.mongo.customers import MongoCustomers
from libs.store.mongo.database import DEFAULT_DATABASE, Client, Database, client_from, close
from libs.store.mongo.dead_letters import MongoDeadLetters
from libs.store.mongo.decisions import MongoDecisions
from libs.store.mongo.delivery_order import MongoDeliveryOrder
from libs.store.mongo.do_not_contact import MongoDoNotContactEntries
from libs.store.mongo.erased_customers import MongoErasedCustomers
from libs.store.mongo.erasure_jobs import MongoErasures
from libs.store.mongo.erasures import MongoPersonalData
from libs.store.mongo.forwards import MongoForwards
from libs.store.mongo.idempotency import MongoAnswers, MongoIdempotency
from libs.store.mongo.identities import MongoIdentities
from libs.store.mongo.inbound_messages import MongoInboundMessages
from libs.store.mongo.indexes import Missing, make_indexes, missing_indexes
from libs.store.mongo.job_leases import MongoJobLeases
from libs.store.mongo.ledger import MongoLedger
from libs.store.mongo.migration import migrate_database
from libs.store.mongo.outbox import MongoOutbox
from libs.store.mongo.probe import WriteProbe
from libs.store.mongo.purge_clock import MongoPurgeClock
from libs.store.mongo.records import MongoRecords
from libs.store.mongo.restrictions import MongoRestrictions
from libs.store.mongo.schema import SCHEMA_VERSION, schema_version
from libs.store.mongo.sink_lines import MongoSinkLines
from libs.store.mongo.statuses import MongoStatuses
from libs.store.mongo.subjects import MongoSubjects
from libs.store.mongo.suppressions import MongoSuppressions
from libs.store.mongo.tallies import MongoTallies
from libs.store.mongo.template_recipients import MongoTemplateRecipients
from libs.store.mongo.templates import MongoTemplates
from libs.store.mongo.tokens import MongoTokens
from libs.store.mongo.uploads import MongoUploads
from libs.store.mongo.verified import MongoVerificationStates, MongoVerifiedLog, MongoVerifiedPlaces
from libs.store.store import Store


async def open_mongo(url: str) -> Store:
    """Open the database that the URL names (`gateway` when it names none); raises as `open_store` does."""
    client = client_from(url)
    try:
        database = client.get_default_database(DEFAULT_DATABASE)
        require_current_schema(await schema_version(database), SCHEMA_VERSION)
        lacking = await make_indexes(database)
    except BaseException:
        await close(client)
        raise
    return store_over(client, database, lacking)


async def migrate_mongo(url: str, say: Say) -> Migrated:
    """As `migrate_store`, for the database that the URL names."""
    client = client_from(url)
    try:
        return await migrate_database(client.get_default_database(DEFAULT_DATABASE), say)
    finally:
        await close(client)


def store_over(client: Client, database: Database, lacking: Sequence[Missing] = ()) -> Store:
    """Every port over an open database, whose indexes `lacking` names."""
    missing = MissingIndexes(partial(missing_indexes, database), lacking)
    return Store(
        directory=MongoDirectory(database),
        registry=MongoRegistry(database),
        business_accounts=MongoRegistry(database),
        outbox=MongoOutbox(database),
        conversations=MongoConversations(database),
        suppressions=MongoSuppressions(database),
        consents=MongoConsents(database),
        imported_rows=MongoImportedRows(database),
        customers=MongoCustomers(database),
        customer_links=MongoCustomerLinks(database),
        restrictions=MongoRestrictions(database),
        standing_restrictions=MongoRestrictions(database),
        restriction_counts=MongoRestrictions(database),
        template_recipients=MongoTemplateRecipients(database),
        pseudo_numbers=MongoPseudoNumbers(database),
        chat_refusals=MongoChatRefusals(database),
        contact_book=MongoContactBook(database),
        identities=MongoIdentities(database),
        decisions=MongoDecisions(database),
        claim_looks=MongoClaimLooks(database),
        ledger=MongoLedger(database),
        pacing=MongoPacing(database),
        statuses=MongoStatuses(database),
        templates=MongoTemplates(database),
        inbound_messages=MongoInboundMessages(database),
        uploads=MongoUploads(database),
        delivery_order=MongoDeliveryOrder(database),
        idempotency=MongoIdempotency(database),
        answers=MongoAnswers(database),
        records=MongoRecords(database),
        chains=MongoChains(database),
        checkpoints=MongoCheckpoints(database),
        purges=MongoPurges(database),
        purge_clock=MongoPurgeClock(database),
        log_batches=MongoLogBatches(database),
        log_repair=MongoLogBatches(database),
        log_index=MongoLogIndex(database),
        log_places=MongoLogIndex(database),
        log_checkpoints=MongoLogCheckpoints(database),
        sink_lines=MongoSinkLines(database),
        forwards=MongoForwards(database),
        dead_letters=MongoDeadLetters(database),
        tallies=MongoTallies(database),
        job_leases=MongoJobLeases(database),
        verification_states=MongoVerificationStates(database),
        verified_places=MongoVerifiedPlaces(database),
        verified_log=MongoVerifiedLog(database),
        subjects=MongoSubjects(database),
        tokens=MongoTokens(database),
        token_registry=MongoTokens(database),
        erasures=MongoErasures(database),
        personal_data=MongoPersonalData(database),
        erased_customers=MongoErasedCustomers(database),
        approvals=MongoApprovals(database),
        allowances=MongoAllowances(database),
        do_not_contact_entries=MongoDoNotContactEntries(database),
        probe=WriteProbe(database, missing),
        close=partial(close, client),
    )
