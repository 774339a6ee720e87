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
CHECKPOINTED_AT = Gauge(
    "gateway_record_checkpointed_timestamp_seconds", "Unix time up to which checkpoints cover every record."
)
CHECKPOINTS = Counter("gateway_checkpoints_total", "Checkpoints that this replica signed.")
PURGED = Counter("gateway_records_purged_total", "Records removed at the end of their retention.")
SHIPPED = Counter(
    "gateway_checkpoints_shipped_total",
    "Checkpoints that were shipped, and rounds that could not ship any (`delayed`).",
    ["outcome"],
)
from_zero(SHIPPED, ["shipped", "delayed"])
RESTORE_LINES = Counter(
    "gateway_restore_lines_total",
    "Lines about erasures and suppressions that were shipped to the sink, rounds that could not ship any (`delayed`), "
    "and erasures whose keys could not be opened (`unreadable`).",
    ["outcome"],
)
from_zero(RESTORE_LINES, ["shipped", "delayed", "unreadable"])
