"""What audit counts; a closed list."""

from prometheus_client import Counter, Gauge, Histogram

RECORDED = Counter("gateway_records_total", "Events written to the record, repeated ones included.", ["event"])
REPEATED = Counter("gateway_records_repeated_total", "Events that were on record already.")
BATCH_SIZE = Histogram(
    "gateway_record_batch_size", "Events written in one step.", buckets=(1, 2, 5, 10, 25, 50, 100, 250)
)
CHAINS = Gauge("gateway_record_chains", "Chains of the record, as this replica last saw them.")
CHAIN_RECORDS = Gauge("gateway_record_chain_length", "Records in all chains together, purged ones included.")
BROKEN_CHAINS = Gauge("gateway_record_broken_chains", "Chains that were not sealed because their links do not meet.")
SEALED_AT = Gauge(
    "gateway_record_sealed_timestamp_seconds", "When everything recorded was last under checkpoints (Unix time)."
)
CHECKPOINTS = Counter("gateway_checkpoints_total", "Checkpoints that this replica signed.")
PURGED = Counter("gateway_records_purged_total", "Records removed because their retention had ended.")
SHIPPED = Counter("gateway_checkpoints_shipped_total", "Checkpoints shipped out, or delayed.", ["outcome"])
