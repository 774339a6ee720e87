"""The metrics of policy: a closed list."""

from prometheus_client import Counter, Histogram

DECISIONS = Counter(
    "gateway_decisions_total", "Decisions about webhooks, by code; `approved` for messages that are sent.", ["code"]
)
DECISION_SECONDS = Histogram(
    "gateway_decision_duration_seconds",
    "Time to read the facts and decide.",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5),
)
NEAR_TEMPLATE_LIMIT = Counter(
    "gateway_templates_near_limit_total",
    "Templates approved when 80 % of WhatsApp's limit of customers in 24 hours was used.",
)
OPT_OUTS = Counter("gateway_opt_outs_total", "Opt-outs and opt-ins of customers, by kind.", ["meaning"])
