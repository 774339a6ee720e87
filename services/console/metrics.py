"""The metrics of console, as a closed list; no label is an id, a phone or a text."""

from prometheus_client import Counter, Gauge, Histogram

CALLS = Counter(
    "gateway_console_calls_total", "Calls of the operators' API, by operation and status.", ["operation", "status"]
)
CALL_SECONDS = Histogram(
    "gateway_console_call_duration_seconds",
    "Time to answer a call of the operators' API.",
    ["operation"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
REFUSED_TOKENS = Counter("gateway_console_refused_tokens_total", "Calls without a valid bearer token.")
RELAYED = Counter(
    "gateway_outbox_relayed_total", "Changes published from the outbox, or delayed, by outcome.", ["outcome"]
)
DEAD_LETTERS = Gauge("gateway_dead_letters", "Dead letters that were not replayed, by queue.", ["queue"])
DEAD_LETTERS_KEPT = Counter(
    "gateway_dead_letters_kept_total", "Dead letters moved from the broker to the store, by queue.", ["queue"]
)
SCHEDULED_REPORTS = Counter(
    "gateway_scheduled_reports_total", "Monthly reports that were written or delayed.", ["outcome"]
)
REPORT_SECONDS = Histogram(
    "gateway_report_duration_seconds",
    "Time to build a report.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
VERIFICATIONS = Counter(
    "gateway_record_verifications_total", "Completed verifications of the audit record, by outcome.", ["outcome"]
)
VERIFIED_AT = Gauge("gateway_record_verified_timestamp_seconds", "When the audit record was last verified (Unix time).")
VERIFIED_RECORDS = Gauge("gateway_record_verified_records", "Records that the last verification read.")
RESTRICTIONS = Gauge(
    "gateway_restrictions",
    "Restrictions of WhatsApp that stand, by scope and by the error code or notice that caused them.",
    ["scope", "cause"],
)
WAITING = Gauge("gateway_outbox_waiting", "Changes in the outbox that are not published, counted up to 100.")
