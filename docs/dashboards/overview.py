"""The overview: service levels, the golden signals of each hop, what waits, and what the services depend on."""

from docs.dashboards.grafana import Dashboard, Row, graph, quantiles, rates, value

_WORK = '{queue!="",queue!~".*[.](dead|retry|wait|private).*"}'
_NO_ALARM = 'or 0 * max(up{job="rabbitmq"})'
"""Where a scrape has no alarms, no line would be drawn."""
_CLOCK = "max by (service) (abs(gateway_clock_timestamp_seconds - timestamp(gateway_clock_timestamp_seconds)))"

OVERVIEW = Dashboard(
    "gateway",
    "WhatsApp gateway: overview",
    (
        Row(
            "Service levels",
            (
                value(
                    "Availability of three days",
                    "percentunit",
                    ("1 - gateway:webhooks_failed:ratio3d", "answered"),
                    description="The level is 99.9 %: neither gateway_unavailable nor pending.",
                ),
                value(
                    "Answered within 2.5 s, three days",
                    "percentunit",
                    ("1 - gateway:webhooks_slow:ratio3d", "in time"),
                    description="The level is 99 %.",
                ),
                graph(
                    "Burn rate of the budgets, 1 h",
                    "none",
                    ("gateway:webhooks_failed:ratio1h / 0.001", "availability"),
                    ("gateway:webhooks_slow:ratio1h / 0.01", "latency"),
                    description="1 spends the budget of 30 days in 30 days; 14.4 pages.",
                ),
                value("Ready", "bool_yes_no", ("min by (service) (gateway_ready)", "{{service}}")),
            ),
        ),
        Row(
            "3CX to the gateway",
            (
                graph("Answers, by code", "reqps", ("gateway:webhooks:rate5m", "{{code}}")),
                quantiles("Answer latency", "gateway_webhook_duration_seconds"),
                graph("Answer latency, p99", "s", ("gateway:webhook_duration_seconds:p99_5m", "of 5 minutes")),
                graph(
                    "Unavailable or pending", "percentunit", ("gateway:webhooks_failed:ratio5m", "share of 5 minutes")
                ),
                rates("Not authenticated, by reason", "gateway_webhook_rejections_total", "reason", unit="reqps"),
                quantiles("3CX webhook to WhatsApp's answer", "gateway_message_delivery_seconds"),
                rates("Decisions, by code", "gateway_decisions_total", "code"),
                quantiles("Time to decide", "gateway_decision_duration_seconds"),
                graph("Webhooks without an answer yet", "short", ("sum(gateway_webhooks_waiting)", "waiting")),
            ),
        ),
        Row(
            "Each hop",
            (
                rates("Deliveries settled", "gateway_deliveries_total", "queue"),
                quantiles("Handling time", "gateway_handling_duration_seconds", by="queue"),
                rates(
                    "Retries and dead letters",
                    "gateway_deliveries_total",
                    "queue, settlement",
                    matchers='{settlement!="ack"}',
                ),
                graph(
                    "Part of the prefetch in use",
                    "percentunit",
                    ("sum by (queue) (gateway_deliveries_in_flight) / sum by (queue) (gateway_prefetch)", "{{queue}}"),
                ),
            ),
        ),
        Row(
            "What waits",
            (
                graph("Oldest event", "s", ("max by (queue) (gateway_oldest_event_seconds)", "{{queue}}")),
                graph("Oldest delivery", "s", ("max by (queue) (gateway_oldest_delivery_seconds)", "{{queue}}")),
                graph("Queue depth", "short", (f"max by (queue) (rabbitmq_queue_messages_ready{_WORK})", "{{queue}}")),
                graph("Dead letters", "short", ("max by (queue) (gateway_dead_letters)", "{{queue}}")),
                graph("Age when handled, p99", "s", ("gateway:event_age_seconds:p99_5m", "{{queue}}")),
                rates("Events not authentic", "gateway_unauthenticated_events_total", "queue, cause"),
                rates("Put behind for fairness", "gateway_account_deferred_total", "queue"),
                graph("Consumers", "short", (f"max by (queue) (rabbitmq_queue_consumers{_WORK})", "{{queue}}")),
                graph("Stuck consumers", "short", ("sum by (queue) (gateway_consumer_stuck)", "{{queue}}")),
            ),
        ),
        Row(
            "Store and broker",
            (
                graph(
                    "Store latency, p99",
                    "s",
                    ("gateway:store_operation_duration_seconds:p99_5m", "{{service}} {{operation}}"),
                ),
                rates("Store errors", "gateway_store_errors_total", "service, reason"),
                graph(
                    "Store indexes missing",
                    "short",
                    ("max by (service) (gateway_store_indexes_missing)", "{{service}}"),
                ),
                graph("Store size", "bytes", ("max by (database) (gateway_store_size_bytes)", "{{database}}")),
                graph(
                    "Store connections in use", "short", ("sum by (service) (gateway_store_pool_in_use)", "{{service}}")
                ),
                value(
                    "Dependencies",
                    "bool_yes_no",
                    ("min by (service, dependency) (gateway_dependency_up)", "{{service}} {{dependency}}"),
                ),
                rates("Unconfirmed publishes, by reason", "gateway_publish_failures_total", "reason"),
                quantiles("Time to the broker's confirm", "gateway_publish_duration_seconds"),
                graph(
                    "Broker blocks publishing",
                    "bool_yes_no",
                    (f"max(rabbitmq_alarms_memory_used_watermark) {_NO_ALARM}", "memory"),
                    (f"max(rabbitmq_alarms_free_disk_space_watermark) {_NO_ALARM}", "disk"),
                ),
            ),
        ),
        Row(
            "Files of customers",
            (
                rates("Requests for files, by outcome", "gateway_media_requests_total", "outcome", unit="reqps"),
                graph(
                    "Bytes of files",
                    "Bps",
                    ("sum(rate(gateway_media_bytes_total[$__rate_interval]))", "sent to callers"),
                ),
                graph("Files being sent", "short", ("sum(gateway_media_streams)", "now")),
                rates("Refused or cut, and not on the record", "gateway_media_unrecorded_total", "service"),
                rates("Read receipts, by outcome", "gateway_read_receipts_total", "outcome"),
                rates("Deletions from contact books, by outcome", "gateway_contact_book_deletions_total", "outcome"),
            ),
        ),
        Row(
            "Processes",
            (
                graph("Event loop held, p99", "s", ("gateway:event_loop_lag_seconds:p99_5m", "{{service}}")),
                graph(
                    "Processor",
                    "percentunit",
                    (
                        'sum by (service) (rate(process_cpu_seconds_total{job="gateway"}[$__rate_interval]))',
                        "{{service}}",
                    ),
                ),
                graph(
                    "Memory",
                    "bytes",
                    ('max by (service, instance) (process_resident_memory_bytes{job="gateway"})', "{{instance}}"),
                ),
                graph(
                    "Time since a job succeeded",
                    "s",
                    (
                        "time() - max by (service, name) (gateway_job_succeeded_timestamp_seconds)",
                        "{{service}} {{name}}",
                    ),
                ),
                rates("Spans not exported", "gateway_spans_dropped_total", "service"),
                rates("Log lines lost", "gateway_log_lines_lost_total", "service"),
                graph(
                    "Clock's difference to Prometheus",
                    "s",
                    (_CLOCK, "{{service}}"),
                ),
                value(
                    "Releases", "short", ("count by (version, python) (gateway_build_info)", "{{version}} {{python}}")
                ),
            ),
        ),
    ),
)
