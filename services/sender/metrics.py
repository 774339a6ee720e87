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
STATUSES = Counter(
    "gateway_message_statuses_total",
    "Statuses of our messages, by kind and by what they did: changed, repeated, parked or unmatched.",
    ["status", "effect"],
)
CONFLICTS = Counter("gateway_status_conflicts_total", "Messages of which WhatsApp told both a failure and a delivery.")
SETTLED = Counter(
    "gateway_unknown_outcomes_settled_total", "Unknown outcomes that a status settled, by outcome.", ["outcome"]
)
NUMBERS_PAUSED = Counter("gateway_numbers_paused_total", "Numbers that WhatsApp's refusals made us pause.")
IN_LINE_SECONDS = Histogram(
    "gateway_line_wait_seconds",
    "Time that messages waited in this sender for an earlier one to the same customer.",
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0),
)
PACING_SECONDS = Histogram(
    "gateway_pacing_wait_seconds",
    "Time that messages waited for their number's or pair's turn.",
    buckets=(0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0),
)
BREAKER_CHANGES = Counter("gateway_breaker_changes_total", "Changes of numbers' circuit breakers.", ["state"])
FORWARDS = Counter(
    "gateway_forwards_total", "Tries to tell 3CX systems, by kind and by how they ended.", ["kind", "outcome"]
)
FORWARD_SECONDS = Histogram(
    "gateway_forward_duration_seconds",
    "Time of one try to tell a 3CX system.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0),
)
FORWARD_CIRCUIT_CHANGES = Counter(
    "gateway_forward_circuit_changes_total", "Changes of integrations' forwarding circuits.", ["state"]
)
FORWARDS_STOPPED = Gauge(
    "gateway_forward_circuits_stopped", "Integrations whose forwarding circuit is open or half-open in this process."
)
BREAKERS_STOPPED = Gauge("gateway_breakers_stopped", "Numbers whose circuit is open or half-open in this process.")
