"""What ingress counts; the names are a closed list and no label is an integration, an address or a phone."""

from prometheus_client import Counter, Gauge, Histogram

WEBHOOKS = Counter("gateway_webhooks_total", "3CX webhooks answered, by status or error code.", ["code"])
WEBHOOK_SECONDS = Histogram(
    "gateway_webhook_duration_seconds",
    "Time from a 3CX webhook's headers to its answer, the wait for the result included.",
    buckets=(0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 8.0, 10.0, 20.0),
)
WAITING = Gauge("gateway_webhooks_waiting", "3CX webhooks being worked on.")
REJECTIONS = Counter("gateway_webhook_rejections_total", "Requests not authenticated, by reason.", ["reason"])
WITHDRAWN = Counter(
    "gateway_webhooks_withdrawn_total", "Events taken back because the broker did not confirm, by outcome.", ["outcome"]
)
UNRECORDED = Counter(
    "gateway_refusals_unrecorded_total", "Refusals that could not be told to the record: too many were waiting."
)
META_WEBHOOKS = Counter("gateway_whatsapp_webhooks_total", "WhatsApp webhook posts, by outcome.", ["outcome"])
META_EVENTS = Counter("gateway_whatsapp_events_total", "Messages and statuses taken in from WhatsApp.", ["event"])
META_SKIPPED = Counter("gateway_whatsapp_skipped_total", "Parts of WhatsApp posts passed over, by reason.", ["reason"])
