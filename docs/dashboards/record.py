"""The record and the console: what is recorded and how late, checkpoints, verification, and the operators' work."""

from docs.dashboards.grafana import Dashboard, Row, graph, quantiles, rates, total, value

_LAG = '{queue="audit.records"}'

RECORD = Dashboard(
    "gateway-record",
    "WhatsApp gateway: the record",
    (
        Row(
            "Soundness",
            (
                value("Sound", "bool_yes_no", ("min by (scope) (gateway_record_sound)", "{{scope}}")),
                value("Chains that do not match", "short", ("max(gateway_record_broken_chains)", "chains")),
                graph(
                    "Time since the verification",
                    "s",
                    ("time() - max by (scope) (gateway_record_verified_timestamp_seconds > 0)", "{{scope}}"),
                ),
                graph("Records verified", "short", ("max by (scope) (gateway_record_verified_records)", "{{scope}}")),
                rates("Verifications", "gateway_record_verifications_total", "outcome"),
                graph(
                    "Time since a checkpoint covered all",
                    "s",
                    ("time() - max(gateway_record_checkpointed_timestamp_seconds > 0)", "checkpoint"),
                ),
                graph(
                    "Checkpoints signed",
                    "ops",
                    ("sum(rate(gateway_checkpoints_total[$__rate_interval]))", "signed"),
                ),
                rates("Checkpoints shipped", "gateway_checkpoints_shipped_total", "outcome"),
                value("Log not signed", "bool_yes_no", ("max(gateway_log_refused)", "refused")),
                value("Chains that contradict the log", "short", ("max(gateway_log_broken_chains)", "chains")),
                value("Entries of the log", "short", ("max(gateway_log_entries)", "entries")),
                graph(
                    "Time since the log was attested",
                    "s",
                    ("time() - max(gateway_log_signed_timestamp_seconds > 0)", "signed"),
                    ("time() - max by (witness) (gateway_log_cosigned_timestamp_seconds > 0)", "{{witness}}"),
                    ("time() - max(gateway_log_timestamped_timestamp_seconds > 0)", "timestamp"),
                ),
                rates("Requests to witnesses", "gateway_log_cosignatures_total", "outcome"),
                rates("Timestamps of the log", "gateway_log_timestamps_total", "outcome"),
                graph(
                    "Rounds of the log that another replica took",
                    "ops",
                    ("sum(rate(gateway_log_rounds_lost_total[$__rate_interval]))", "lost"),
                ),
                value(
                    "Signer's memory is durable",
                    "bool_yes_no",
                    ("min(gateway_record_signer_memory_durable)", "durable"),
                ),
                value("Purge stopped by a clock", "bool_yes_no", ("max(gateway_record_purge_stopped)", "stopped")),
                rates("Lines for a restore shipped", "gateway_restore_lines_total", "outcome"),
            ),
        ),
        Row(
            "Writing",
            (
                rates("Records, by event", "gateway_records_total", "event"),
                quantiles("Age of an event when it is recorded", "gateway_event_age_seconds", matchers=_LAG),
                graph("Oldest event", "s", (f"max(gateway_oldest_event_seconds{_LAG})", "audit.records")),
                graph("Events that wait", "short", (f"max(rabbitmq_queue_messages{_LAG})", "audit.records")),
                quantiles("Events in a batch", "gateway_record_batch_size", unit="short"),
                total("Repeated events", "gateway_records_repeated_total"),
                graph(
                    "Size",
                    "short",
                    ("max(gateway_record_chain_length)", "records"),
                    ("max(gateway_record_chains)", "chains"),
                ),
                total("Records purged", "gateway_records_purged_total"),
                total("Signed counts for reports", "gateway_tallies_total"),
                total("Refusals without a record", "gateway_refusals_unrecorded_total"),
                total("Deliveries acknowledged too late", "gateway_stale_acknowledgements_total"),
            ),
        ),
        Row(
            "Console",
            (
                rates("Calls, by status", "gateway_console_calls_total", "status", unit="reqps"),
                quantiles("Call latency", "gateway_console_call_duration_seconds"),
                total("Refused tokens", "gateway_console_refused_tokens_total"),
                total("Refused accesses", "gateway_console_refused_accesses_total"),
                rates("Look-ups of persons", "gateway_person_lookups_total", "outcome"),
                graph("Access records that wait", "short", ("max(gateway_access_records_waiting)", "accesses")),
                graph(
                    "Approvals",
                    "short",
                    ("max(gateway_approvals_waiting)", "wait for a second person"),
                    ("max(gateway_approvals_stuck)", "approved without effect"),
                ),
                graph("Oldest request for approval", "s", ("max(gateway_approvals_oldest_seconds)", "request")),
                graph("Changes not published", "short", ("max(gateway_outbox_waiting)", "outbox")),
                rates("Changes published", "gateway_outbox_relayed_total", "outcome"),
                graph("Monthly reports that are due", "short", ("max(gateway_scheduled_reports_waiting)", "reports")),
                rates("Monthly reports", "gateway_scheduled_reports_total", "outcome"),
                quantiles("Time to build a report", "gateway_report_duration_seconds"),
                rates("Dead letters kept", "gateway_dead_letters_kept_total", "queue"),
            ),
        ),
    ),
)
