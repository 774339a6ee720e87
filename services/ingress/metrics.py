"""The metrics of ingress: a closed list. No label holds an integration, an address or a phone number."""

from prometheus_client import Counter, Gauge, Histogram

from libs.chassis.metrics import from_zero
from libs.contracts.errors import ErrorCode, OperatorCode
from libs.contracts.events import EVENTS
from libs.contracts.results import AnswerStatus
from libs.providers.inbound import Skip

WEBHOOKS = Counter(
    "gateway_webhooks_total",
    "3CX webhooks answered, by status or error code, and by cause: `credentials` when WhatsApp refuses the number's.",
    ["code", "cause"],
)
from_zero(WEBHOOKS, (*AnswerStatus, *ErrorCode), ["none"])
from_zero(WEBHOOKS, (AnswerStatus.PENDING, ErrorCode.GATEWAY_UNAVAILABLE), ["credentials"])
WEBHOOK_SECONDS = Histogram(
    "gateway_webhook_duration_seconds",
    "Time from the headers of a 3CX webhook to its answer, including the wait for the result, by cause as above.",
    ["cause"],
    buckets=(0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 8.0, 10.0, 20.0),
)
from_zero(WEBHOOK_SECONDS, ["none", "credentials"])
WAITING = Gauge("gateway_webhooks_waiting", "3CX webhooks that have no answer yet.")
REJECTIONS = Counter("gateway_webhook_rejections_total", "Requests that were not authenticated, by reason.", ["reason"])
WITHDRAWN = Counter(
    "gateway_webhooks_withdrawn_total", "Events withdrawn because the broker did not confirm, by outcome.", ["outcome"]
)
from_zero(WITHDRAWN, ["withdrawn", "accepted", "unknown"])
UNRECORDED = Counter(
    "gateway_refusals_unrecorded_total", "Refusals dropped without a record: too many waited for the broker."
)
PROVIDER_WEBHOOKS = Counter("gateway_whatsapp_webhooks_total", "WhatsApp webhook requests, by outcome.", ["outcome"])
from_zero(
    PROVIDER_WEBHOOKS,
    [
        "ok",
        ErrorCode.GATEWAY_UNAVAILABLE,
        ErrorCode.PAYLOAD_TOO_LARGE,
        ErrorCode.INVALID_JSON,
        OperatorCode.UNAUTHORIZED,
        OperatorCode.UNSUPPORTED_ENCODING,
    ],
)
PROVIDER_WEBHOOK_SECONDS = Histogram(
    "gateway_whatsapp_webhook_duration_seconds",
    "Time from the headers of a WhatsApp webhook request to its answer, by endpoint.",
    ["endpoint"],
    buckets=(0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0),
)
PROVIDER_EVENTS = Counter("gateway_whatsapp_events_total", "Events received from WhatsApp, by event.", ["event"])
from_zero(PROVIDER_EVENTS, [event.name for event in EVENTS if event.name.startswith("whatsapp.")])
PROVIDER_FIELDS = Counter(
    "gateway_whatsapp_fields_total",
    "Parts of WhatsApp webhook requests under fields that lead to nothing, by documented field or `other`.",
    ["field"],
)
POSTS_SET_ASIDE = Counter(
    "gateway_whatsapp_posts_set_aside_total",
    "Parts of authentic WhatsApp webhook requests that could not be read and are dead letters, by endpoint.",
    ["endpoint"],
)
UNATTRIBUTED_UPDATES = Counter(
    "gateway_unattributed_updates_total",
    "Notices about WhatsApp business accounts of which no account is known to have a number.",
)
PROVIDER_SKIPPED = Counter(
    "gateway_whatsapp_skipped_total", "Parts of WhatsApp webhook requests that were skipped, by reason.", ["reason"]
)
from_zero(PROVIDER_SKIPPED, Skip)
