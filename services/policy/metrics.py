"""The metrics of policy: a closed list."""

from prometheus_client import Counter, Histogram

from libs.chassis.metrics import from_zero
from libs.contracts.errors import ErrorCode
from libs.contracts.results import AnswerStatus

DECISIONS = Counter(
    "gateway_decisions_total", "Decisions about webhooks, by code; `approved` for messages that are sent.", ["code"]
)
from_zero(DECISIONS, ("approved", *AnswerStatus, *ErrorCode))
DECISION_SECONDS = Histogram(
    "gateway_decision_duration_seconds",
    "Time to read the facts and decide.",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0),
)
NEAR_TEMPLATE_LIMIT = Counter(
    "gateway_templates_near_limit_total",
    "Templates approved when 80 % of WhatsApp's limit of customers in 24 hours was used.",
)
OPT_OUTS = Counter("gateway_opt_outs_total", "Opt-outs and opt-ins of customers, by kind.", ["meaning"])
from_zero(OPT_OUTS, ["opt_out", "opt_in", "marketing_stop", "marketing_resume"])
OPT_OUT_EFFECT_SECONDS = Histogram(
    "gateway_opt_out_effect_seconds",
    "Time from the receipt of a customer's opt-out to the moment from which nothing is approved for them.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0),
)
