"""The metrics of the chassis: a closed list of names. No label holds a phone number, an id or a text."""

from collections.abc import Iterable
from itertools import product
from platform import python_version

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

from libs.chassis.clock import utc_now
from libs.chassis.event_keys import Refusal
from libs.chassis.version import VERSION
from libs.contracts.events import EVENTS

disable_created_metrics()  # type: ignore[no-untyped-call]  # `_created` series would double the number of counters, and no rule reads them


def from_zero(metric: Counter | Gauge | Histogram, *values: Iterable[str]) -> None:
    """Make the series of a metric whose labels have closed lists of values: one list for each label, in their order.

    A series that is born with its first event has no increase: Prometheus never sees its zero.
    """
    for labels in product(*(tuple(each) for each in values)):
        metric.labels(*labels)


PUBLISHED = Counter("gateway_events_published_total", "Events confirmed by the broker.", ["event"])
PUBLISH_FAILURES = Counter(
    "gateway_publish_failures_total", "Publishes that the broker did not confirm, by reason.", ["reason"]
)
from_zero(PUBLISHED, [event.name for event in EVENTS])
PUBLISH_FAILURE_REASONS = ("unroutable", "refused", "permission", "timeout", "connection")
from_zero(PUBLISH_FAILURES, PUBLISH_FAILURE_REASONS)
PUBLISH_SECONDS = Histogram(
    "gateway_publish_duration_seconds",
    "Time until the broker confirmed an event.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 5.0),
)
CONSUMED = Counter("gateway_deliveries_total", "Deliveries settled, by queue and settlement.", ["queue", "settlement"])
SETTLEMENTS = ("ack", "retry", "dead_letter")
UNAUTHENTICATED = Counter(
    "gateway_unauthenticated_events_total",
    "Deliveries that were refused because their producer is not proven, by queue and cause.",
    ["queue", "cause"],
)
BACKDATED = Counter(
    "gateway_backdated_events_total",
    "Events that said they were over an hour older than those before them, and that are recorded as they came.",
)
HANDLE_SECONDS = Histogram(
    "gateway_handling_duration_seconds",
    "Time from delivery to settlement.",
    ["queue"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 30.0),
)
IN_FLIGHT = Gauge("gateway_deliveries_in_flight", "Deliveries that are being processed.", ["queue"])
OLDEST_DELIVERY_SECONDS = Gauge(
    "gateway_oldest_delivery_seconds",
    "Seconds since the oldest delivery in flight was delivered; 0 when none is.",
    ["queue"],
)
OLDEST_EVENT_SECONDS = Gauge(
    "gateway_oldest_event_seconds",
    "Seconds since the oldest event in flight was published, delays included; 0 when none is.",
    ["queue"],
)
PREFETCH = Gauge("gateway_prefetch", "The most deliveries that a queue's consumer may have in flight.", ["queue"])
CONSUMER_STUCK = Gauge(
    "gateway_consumer_stuck", "1 while a consumer has deliveries in flight and settles none, or has ended.", ["queue"]
)
CONSUMER_RESTARTS = Counter(
    "gateway_consumer_restarts_total", "Consumers that were made anew because they were stuck.", ["queue"]
)
STALE_ACKS = Counter(
    "gateway_stale_acknowledgements_total", "Acknowledgements that failed because their channel had closed.", ["queue"]
)
ACCOUNT_DEFERRED = Counter(
    "gateway_account_deferred_total", "Deliveries put behind because their account has its share in flight.", ["queue"]
)
HANDLER_LOOP_SECONDS = Histogram(
    "gateway_handler_loop_seconds",
    "Longest time for which one handling of a delivery held the event loop.",
    ["queue"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0),
)
EVENT_AGE_SECONDS = Histogram(
    "gateway_event_age_seconds",
    "Age of an event when its handler started, delays included.",
    ["queue"],
    buckets=(0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 3600.0),
)
TOPOLOGY_MISSING = Gauge(
    "gateway_topology_missing", "Exchanges and queues that the service needs and the broker does not have; 0: none."
)
DEAD_LETTER_POLICY_MISSING = Gauge(
    "gateway_dead_letter_policy_missing",
    "1 when the broker drops dead letters after some lost connections: `gateway declare` found no policy against it.",
)
RECONNECTS = Counter("gateway_broker_reconnects_total", "Broker connections that were restored after a loss.")
BUILD_INFO = Gauge("gateway_build_info", "The release that runs, and its Python; always 1.", ["version", "python"])
BUILD_INFO.labels(VERSION, python_version()).set(1)
READY = Gauge("gateway_ready", "1 when the service is ready; checked every five seconds, whether or not it is asked.")
DEPENDENCY_UP = Gauge(
    "gateway_dependency_up", "1 while the check of a dependency (broker, store and others) succeeds.", ["dependency"]
)
STORE_WRITABLE = Gauge(
    "gateway_store_writable", "1 when the store took a row in the last probe; 0 while the service waits for its store."
)
LOOP_LAG_SECONDS = Histogram(
    "gateway_event_loop_lag_seconds",
    "How late the event loop ran a task that was due: how long other code held it.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)
SPANS_DROPPED = Counter(
    "gateway_spans_dropped_total", "Spans that were not exported: the trace collector was away, or too slow."
)
LOG_LINES_LOST = Counter(
    "gateway_log_lines_lost_total", "Log lines that could not be written or serialized, such as on a full disk."
)
CLOCK = Gauge(
    "gateway_clock_timestamp_seconds", "Unix time of the service's clock when it is asked; an alert compares it."
)
CLOCK.set_function(lambda: utc_now().timestamp())
JOB_SUCCEEDED_AT = Gauge(
    "gateway_job_succeeded_timestamp_seconds",
    "Unix time at which a background job last succeeded; the process' start at first.",
    ["name"],
)
JOB_INTERVAL_SECONDS = Gauge("gateway_job_interval_seconds", "Seconds between two runs of a background job.", ["name"])
JOB_FAILURES = Counter("gateway_job_failures_total", "Runs of background jobs that failed, by job.", ["name"])


def unauthenticated_from_zero(queue: str) -> None:
    """Make the series of events that a queue's consumer refuses."""
    from_zero(UNAUTHENTICATED, [queue], [cause.value for cause in Refusal])


def consumer_from_zero(queue: str) -> None:
    """Make the series of a queue's consumer, in the service that consumes it and before its first delivery."""
    from_zero(CONSUMED, [queue], SETTLEMENTS)
    unauthenticated_from_zero(queue)
    for counter in (CONSUMER_RESTARTS, STALE_ACKS, ACCOUNT_DEFERRED):
        from_zero(counter, [queue])
