"""The sender's metrics. No label holds a phone number, an id or a text."""

from prometheus_client import Counter, Gauge, Histogram

from libs.chassis.metrics import from_zero
from libs.contracts.errors import ErrorCode
from libs.contracts.forwards import ForwardKind
from libs.contracts.results import AnswerStatus
from libs.providers.errors import Verdict
from libs.store.progress import MessageStatus
from libs.store.restrictions import KINDS

PROVIDER_CALLS = Counter(
    "gateway_provider_calls_total", "Provider calls by outcome, and by verdict when refused.", ["outcome", "verdict"]
)
from_zero(PROVIDER_CALLS, ["accepted", "unknown", "not_sent"], ["none"])
from_zero(PROVIDER_CALLS, ["refused"], Verdict)
PROVIDER_CALL_SECONDS = Histogram(
    "gateway_provider_call_duration_seconds",
    "Duration of one provider call.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0),
)
MESSAGES = Counter("gateway_messages_total", "Approved messages by result code.", ["code"])
from_zero(MESSAGES, (AnswerStatus.SENT, *ErrorCode))
MESSAGE_DELIVERY_SECONDS = Histogram(
    "gateway_message_delivery_seconds",
    "Time from the receipt of a 3CX webhook to WhatsApp's answer that it has taken the message.",
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 600.0, 3600.0),
)
UNKNOWN_OUTCOMES = Counter(
    "gateway_unknown_outcomes_total",
    "Messages with an unknown outcome: WhatsApp may or may not have taken them.",
    ["reason"],
)
UNKNOWN_REASONS = (
    *("timeout", "disconnected", "connection_lost", "unreadable_answer", "tls_failed", "address_refused"),
    *("server_error", "no_message_id", "number_disconnected", "provider_reported_error", "sender_stopped"),
    *("dns_failed", "connect_timeout", "connect_failed"),
)
"""Why an outcome is unknown: faults of the connection, answers that say neither, and a sender that stopped."""
from_zero(UNKNOWN_OUTCOMES, UNKNOWN_REASONS)
UNCLASSIFIED_CODES = Counter(
    "gateway_unclassified_provider_codes_total", "Refusals with a code that is not in the error table."
)
CONTRADICTED_RESULTS = Counter(
    "gateway_contradicted_results_total",
    "Results that were discarded because another result of the same message was written first.",
)
STATUSES = Counter(
    "gateway_message_statuses_total",
    "Statuses of messages by kind and by effect: changed, repeated, deferred, parked, unmatched or erased.",
    ["status", "effect"],
)
from_zero(STATUSES, MessageStatus, ["changed", "repeated", "deferred", "parked", "unmatched", "erased"])
STATUS_CONFLICTS = Counter(
    "gateway_status_conflicts_total", "Messages for which WhatsApp reported both a failure and a delivery."
)
UNKNOWN_OUTCOMES_SETTLED = Counter(
    "gateway_unknown_outcomes_settled_total",
    "Unknown outcomes that a status settled, by outcome: sent or failed.",
    ["outcome"],
)
from_zero(UNKNOWN_OUTCOMES_SETTLED, ["sent", "failed"])
RESTRICTIONS_ADDED = Counter(
    "gateway_restrictions_added_total", "Restrictions that began, by scope and kind.", ["scope", "kind"]
)
for _scope, _kinds in KINDS.items():
    from_zero(RESTRICTIONS_ADDED, [_scope], _kinds)
CREDENTIAL_PROBES = Counter(
    "gateway_credential_probes_total",
    "Probes of refused credentials by outcome: usable, refused or unknown.",
    ["outcome"],
)
from_zero(CREDENTIAL_PROBES, ["usable", "refused", "unknown"])
ACCOUNT_UPDATES = Counter(
    "gateway_account_updates_total",
    "Notices of WhatsApp about business accounts, numbers and templates, by topic, word and effect: applied or none.",
    ["topic", "event", "effect"],
)
MESSAGES_REPLACED = Counter(
    "gateway_messages_replaced_total", "Messages that WhatsApp took and then refused, sent again in their other form."
)
MESSAGES_HELD = Counter(
    "gateway_messages_held_total", "Deliveries of messages that are held while the number's credentials are refused."
)
NUMBERS_PAUSED = Counter("gateway_numbers_paused_total", "Numbers paused because of a refusal by WhatsApp.")
DELIVERY_ORDER_WAIT_SECONDS = Histogram(
    "gateway_delivery_order_wait_seconds",
    "Time that a message waited in this sender for an earlier message to the same customer.",
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0),
)
PACING_SECONDS = Histogram(
    "gateway_pacing_wait_seconds",
    "Time that a message waited for a sending slot of its number or pair.",
    buckets=(0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0),
)
CIRCUIT_STATES = ("closed", "open", "half_open")
BREAKER_CHANGES = Counter("gateway_breaker_changes_total", "State changes of the numbers' circuit breakers.", ["state"])
from_zero(BREAKER_CHANGES, CIRCUIT_STATES)
FORWARDS = Counter(
    "gateway_forwards_total", "Tries to deliver forwards to 3CX systems, by kind and outcome.", ["kind", "outcome"]
)
from_zero(FORWARDS, ForwardKind, ["delivered", "retry", "held_back", "given_up", "erased"])
FORWARD_SECONDS = Histogram(
    "gateway_forward_duration_seconds",
    "Duration of one try to deliver a forward.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0),
)
FORWARD_CIRCUIT_CHANGES = Counter(
    "gateway_forward_circuit_changes_total", "State changes of the integrations' forward circuits.", ["state"]
)
from_zero(FORWARD_CIRCUIT_CHANGES, CIRCUIT_STATES)
FORWARD_CIRCUITS_STOPPED = Gauge(
    "gateway_forward_circuits_stopped", "Integrations whose forward circuit stops requests in this process."
)
BREAKERS_STOPPED = Gauge("gateway_breakers_stopped", "Numbers whose circuit stops calls in this process.")
API_VERSION_END = Gauge(
    "gateway_provider_api_version_end_timestamp_seconds",
    "Unix time at which the provider ends the configured version of its API; absent while no end is announced.",
    ["provider", "version"],
)

OUTBOUND_MEDIA = Counter(
    "gateway_outbound_media_total",
    "Media that were fetched to be sent, by outcome: ready, refused (they cannot be sent) or upload_failed.",
    ["outcome"],
)
from_zero(OUTBOUND_MEDIA, ["ready", "refused", "upload_failed"])
TEMPLATE_SYNCS = Counter(
    "gateway_template_syncs_total", "Reads of a business account's templates, by outcome.", ["outcome"]
)
from_zero(TEMPLATE_SYNCS, ["read", "refused", "unreachable"])
READ_RECEIPTS = Counter(
    "gateway_read_receipts_total", "Read receipts that WhatsApp was sent, by outcome: marked or failed.", ["outcome"]
)
from_zero(READ_RECEIPTS, ["marked", "failed"])
CONTACT_BOOK_DELETIONS = Counter(
    "gateway_contact_book_deletions_total",
    "Tries to delete erased persons from WhatsApp's contact books, by outcome: deleted, retry or failed (given up).",
    ["outcome"],
)
from_zero(CONTACT_BOOK_DELETIONS, ["deleted", "retry", "failed"])
MEDIA_REQUESTS = Counter(
    "gateway_media_requests_total",
    "Requests for customers' files by outcome: `delivered`, a refusal, or why a file was cut off.",
    ["outcome"],
)
MEDIA_OUTCOMES = (
    *("delivered", "described", "not_found", "throttled", "method_not_allowed", "gateway_unavailable"),
    *("gone", "credentials", "unavailable", "too_large"),
    *("mismatch", "broken", "timeout", "caller_gone"),
)
"""`mismatch`: not the file that WhatsApp told of. `broken`: the provider broke off or sent too much."""
from_zero(MEDIA_REQUESTS, MEDIA_OUTCOMES)
MEDIA_BYTES = Counter("gateway_media_bytes_total", "Bytes of customers' files that were sent to callers.")
MEDIA_STREAMS = Gauge("gateway_media_streams", "Customers' files that are being sent.")
MEDIA_UNRECORDED = Counter(
    "gateway_media_unrecorded_total",
    "Downloads that were cut off or refused and are not on the record, because the broker took no event.",
)
