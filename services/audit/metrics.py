"""What audit counts; a closed list."""

from prometheus_client import Counter, Histogram

RECORDED = Counter("gateway_records_total", "Events written to the record, repeated ones included.", ["event"])
REPEATED = Counter("gateway_records_repeated_total", "Events that were on record already.")
BATCH_SIZE = Histogram(
    "gateway_record_batch_size", "Events written in one step.", buckets=(1, 2, 5, 10, 25, 50, 100, 250)
)
