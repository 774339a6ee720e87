"""Audit's metrics."""

from prometheus_client import Counter, Gauge, Histogram

from libs.chassis.metrics import from_zero
from libs.contracts.events import EVENTS

RECORDED = Counter("gateway_records_total", "Events written to the record, including repeated ones.", ["event"])
from_zero(RECORDED, [event.name for event in EVENTS])
REPEATED = Counter("gateway_records_repeated_total", "Events that were recorded already.")
BATCH_SIZE = Histogram(
    "gateway_record_batch_size", "Events in one batch.", buckets=(1, 2, 5, 10, 25, 50, 100, 256, 512, 1024)
)
CHAINS = Gauge("gateway_record_chains", "Chains of the record.")
CHAIN_RECORDS = Gauge("gateway_record_chain_length", "Records in all chains together, including purged ones.")
BROKEN_CHAINS = Gauge(
    "gateway_record_broken_chains", "Chains that got no checkpoint because their hashes do not match."
)
SIGNER_REFUSED = Gauge(
    "gateway_record_signer_refused_chains", "Chains that are not signed: they do not extend what was signed before."
)
SIGNER_RESETS = Counter(
    "gateway_record_signer_resets_total",
    "Starts at which the signer had lost its memory (`absent`, `unreadable`).",
    ["cause"],
)
from_zero(SIGNER_RESETS, ["absent", "unreadable"])
SIGNER_DURABLE = Gauge(
    "gateway_record_signer_memory_durable", "1 when the signer's memory survives a restart, 0 when it has no file."
)
SINK_CONFIGURED = Gauge(
    "gateway_checkpoint_sink_configured", "1 when checkpoints are shipped, 0 when there is no sink."
)
CHECKPOINTED_AT = Gauge(
    "gateway_record_checkpointed_timestamp_seconds", "Unix time up to which checkpoints cover every record."
)
CHECKPOINTS = Counter("gateway_checkpoints_total", "Checkpoints that this replica signed.")
TALLIES = Counter("gateway_tallies_total", "Signed counts of records that this replica made for reports.")
PURGED = Counter("gateway_records_purged_total", "Records removed at the end of their retention.")
PURGE_STOPPED = Gauge(
    "gateway_record_purge_stopped",
    "1 while nothing is purged because audit's clock disagrees: with its own past (`jump`), or with another clock.",
    ["clock"],
)
from_zero(PURGE_STOPPED, ["jump", "signer", "store", "producers"])
SHIPPED = Counter(
    "gateway_checkpoints_shipped_total",
    "Checkpoints that were shipped, and rounds that could not ship any (`delayed`).",
    ["outcome"],
)
from_zero(SHIPPED, ["shipped", "delayed"])
LOG_SIZE = Gauge("gateway_log_entries", "Entries of the cumulative log.")
LOG_SIGNED_AT = Gauge(
    "gateway_log_signed_timestamp_seconds", "Unix time of the newest signed checkpoint of the cumulative log."
)
LOG_BROKEN_CHAINS = Gauge(
    "gateway_log_broken_chains", "Chains that are not logged further because they contradict the cumulative log."
)
LOG_ROUNDS_LOST = Counter(
    "gateway_log_rounds_lost_total", "Batches of the cumulative log that another replica stored first."
)
LOG_REFUSED = Gauge(
    "gateway_log_refused", "1 while the cumulative log is not signed: it does not extend what was signed before."
)
LOG_COSIGNATURES = Counter(
    "gateway_log_cosignatures_total", "Requests to witnesses of the cumulative log.", ["witness", "outcome"]
)
LOG_COSIGNED_AT = Gauge(
    "gateway_log_cosigned_timestamp_seconds", "Unix time of the newest cosignature of a witness.", ["witness"]
)
LOG_TIMESTAMPS = Counter(
    "gateway_log_timestamps_total", "Requests to the time stamping authority (RFC 3161).", ["outcome"]
)
from_zero(LOG_TIMESTAMPS, ["granted", "failed"])
LOG_TIMESTAMPED_AT = Gauge(
    "gateway_log_timestamped_timestamp_seconds", "Unix time of the newest timestamped checkpoint of the log."
)
RESTORE_LINES = Counter(
    "gateway_restore_lines_total",
    "Lines about erasures and suppressions that were shipped to the sink, rounds that could not ship any (`delayed`), "
    "and erasures whose keys could not be opened (`unreadable`).",
    ["outcome"],
)
from_zero(RESTORE_LINES, ["shipped", "delayed", "unreadable"])
