"""The metrics of the chassis: a closed list of names. No label holds a phone number, an id or a text."""

from prometheus_client import Counter, Gauge, Histogram

PUBLISHED = Counter("gateway_events_published_total", "Events confirmed by the broker.", ["event"])
PUBLISH_FAILURES = Counter(
    "gateway_publish_failures_total", "Publishes that the broker did not confirm, by reason.", ["reason"]
)
PUBLISH_SECONDS = Histogram(
    "gateway_publish_duration_seconds",
    "Time until the broker confirmed an event.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 5.0),
)
CONSUMED = Counter("gateway_deliveries_total", "Deliveries settled, by queue and settlement.", ["queue", "settlement"])
HANDLE_SECONDS = Histogram(
    "gateway_handling_duration_seconds",
    "Time from delivery to settlement.",
    ["queue"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 30.0),
)
IN_FLIGHT = Gauge("gateway_deliveries_in_flight", "Deliveries that are being processed.", ["queue"])
STALE_ACKS = Counter(
    "gateway_stale_acknowledgements_total", "Acknowledgements that failed because their channel had closed.", ["queue"]
)
EVENT_AGE_SECONDS = Histogram(
    "gateway_event_age_seconds",
    "Age of an event when its handler started, delays included.",
    ["queue"],
    buckets=(0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 3600.0),
)
RECONNECTS = Counter("gateway_broker_reconnects_total", "Broker connections that were restored after a loss.")
READY = Gauge("gateway_ready", "1 when the service is ready: all its probes succeed.")
