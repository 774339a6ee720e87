"""What sender counts; a closed list, and no label is a phone, an id or a text."""

from prometheus_client import Counter, Gauge, Histogram

PROVIDER_CALLS = Counter(
    "gateway_provider_calls_total", "Calls of WhatsApp by outcome, and by verdict when refused.", ["outcome", "verdict"]
)
PROVIDER_CALL_SECONDS = Histogram(
    "gateway_provider_call_duration_seconds",
    "Time of one call of WhatsApp.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0),
)
MESSAGES = Counter("gateway_messages_total", "Approved messages by what became of them.", ["code"])
UNKNOWN_OUTCOMES = Counter(
    "gateway_unknown_outcomes_total", "Messages of which nobody knows whether WhatsApp took them.", ["reason"]
)
UNCLASSIFIED_CODES = Counter(
    "gateway_unclassified_provider_codes_total", "Refusals with a code that the verdict table does not know."
)
CONTRADICTIONS = Counter(
    "gateway_contradicted_results_total", "Results that came after another one had been noted for the same message."
)
PACING_SECONDS = Histogram(
    "gateway_pacing_wait_seconds",
    "Time that messages waited for their number's or pair's turn.",
    buckets=(0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0),
)
BREAKER_CHANGES = Counter("gateway_breaker_changes_total", "Changes of numbers' circuit breakers.", ["state"])
BREAKERS_STOPPED = Gauge("gateway_breakers_stopped", "Numbers whose circuit is open or half-open in this process.")
