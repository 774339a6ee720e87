"""`Store`, which holds every port over one database, and the check of a database's schema version."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from libs.store.accounts import BusinessAccounts, Directory, Registry
from libs.store.allowances import Allowances
from libs.store.approvals import Approvals
from libs.store.chains import Chains, Checkpoints, Purges
from libs.store.chats import ChatRefusals, PseudoNumbers
from libs.store.claim_looks import ClaimLooks
from libs.store.consents import Consents, ImportedRows
from libs.store.contact_book import ContactBook
from libs.store.conversations import Conversations, Suppressions
from libs.store.cumulative_log import LogBatches, LogCheckpoints, LogIndex, LogPlaces, LogRepair
from libs.store.customer_links import CustomerLinks
from libs.store.customers import Customers
from libs.store.dead_letters import DeadLetters
from libs.store.decisions import Decisions
from libs.store.delivery_order import DeliveryOrder
from libs.store.do_not_contact import DoNotContactEntries
from libs.store.erased_customers import ErasedCustomers
from libs.store.erasures import Erasures, PersonalData
from libs.store.forwards import Forwards
from libs.store.idempotency import Answers, Idempotency
from libs.store.identities import Identities
from libs.store.inbound_messages import InboundMessages
from libs.store.job_leases import JobLeases
from libs.store.ledger import Ledger, Pacing
from libs.store.outbox import Outbox
from libs.store.purge_clock import PurgeClock
from libs.store.records import Records
from libs.store.restrictions import RestrictionCounts, Restrictions, StandingRestrictions
from libs.store.sink_lines import SinkLines
from libs.store.statuses import Statuses
from libs.store.subjects import Subjects
from libs.store.tallies import Tallies
from libs.store.template_recipients import TemplateRecipients
from libs.store.templates import Templates
from libs.store.tokens import TokenRegistry, Tokens
from libs.store.uploads import Uploads
from libs.store.verified import VerificationStates, VerifiedLog, VerifiedPlaces


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Every port over one database. Each method raises GatewayError(gateway_unavailable) when it cannot be reached."""

    directory: Directory
    registry: Registry
    business_accounts: BusinessAccounts
    outbox: Outbox
    conversations: Conversations
    suppressions: Suppressions
    consents: Consents
    imported_rows: ImportedRows
    customers: Customers
    customer_links: CustomerLinks
    restrictions: Restrictions
    standing_restrictions: StandingRestrictions
    restriction_counts: RestrictionCounts
    template_recipients: TemplateRecipients
    pseudo_numbers: PseudoNumbers
    chat_refusals: ChatRefusals
    contact_book: ContactBook
    identities: Identities
    decisions: Decisions
    claim_looks: ClaimLooks
    ledger: Ledger
    pacing: Pacing
    statuses: Statuses
    templates: Templates
    inbound_messages: InboundMessages
    uploads: Uploads
    delivery_order: DeliveryOrder
    idempotency: Idempotency
    answers: Answers
    records: Records
    chains: Chains
    checkpoints: Checkpoints
    purges: Purges
    purge_clock: PurgeClock
    log_batches: LogBatches
    log_repair: LogRepair
    log_index: LogIndex
    log_places: LogPlaces
    log_checkpoints: LogCheckpoints
    sink_lines: SinkLines
    forwards: Forwards
    dead_letters: DeadLetters
    tallies: Tallies
    job_leases: JobLeases
    verification_states: VerificationStates
    verified_places: VerifiedPlaces
    verified_log: VerifiedLog
    subjects: Subjects
    tokens: Tokens
    token_registry: TokenRegistry
    erasures: Erasures
    personal_data: PersonalData
    erased_customers: ErasedCustomers
    approvals: Approvals
    allowances: Allowances
    do_not_contact_entries: DoNotContactEntries
    probe: Callable[[], Awaitable[None]]
    """Write one row. Raises GatewayError(gateway_unavailable) with a note that names the cause, as every call does."""
    close: Callable[[], Awaitable[None]]
    """Wait for running calls, then close the database. Call it once."""


OLDEST_SCHEMA = 2
"""The oldest schema version that this release opens. Older databases have no chains and were never released."""


def require_known_schema(found: int, known: int, *, oldest: int = 0) -> None:
    """Refuse a database whose schema is newer than `known` or older than `oldest`; a `found` of 0 means a new one.

    Raises RuntimeError, whose message says what to do.
    """
    if found > known:
        raise RuntimeError(
            f"the store has schema version {found}, this release knows {known}: run the newer release, "
            "or restore the backup from before its first start"
        )
    if 0 < found < oldest:
        raise RuntimeError(
            f"the store has schema version {found}, from before the record had chains, which was never released: "
            "begin with an empty database"
        )
