"""Numbers and restrictions: WhatsApp's answers, what it forbids, what customers decide, and forwards to 3CX systems."""

from docs.dashboards.grafana import Dashboard, Row, graph, quantiles, rates, total, value

NUMBERS = Dashboard(
    "gateway-numbers",
    "WhatsApp gateway: numbers and restrictions",
    (
        Row(
            "Restrictions",
            (
                graph(
                    "Restrictions that stand",
                    "short",
                    ("max by (scope, cause) (gateway_restrictions)", "{{scope}} {{cause}}"),
                ),
                rates("Restrictions that begin", "gateway_restrictions_added_total", "scope, kind"),
                total("Numbers paused", "gateway_numbers_paused_total"),
                value("Numbers whose calls are stopped", "short", ("sum(gateway_breakers_stopped)", "circuits")),
                rates("Changes of circuits", "gateway_breaker_changes_total", "state"),
                rates("Probes of refused credentials", "gateway_credential_probes_total", "outcome"),
                total("Holds of messages for credentials", "gateway_messages_held_total"),
                total("Templates near the limit of customers", "gateway_templates_near_limit_total"),
            ),
        ),
        Row(
            "Calls to WhatsApp",
            (
                rates("Calls, by outcome", "gateway_provider_calls_total", "outcome", unit="reqps"),
                rates("Media to send, by outcome", "gateway_outbound_media_total", "outcome"),
                rates("Reads of templates, by outcome", "gateway_template_syncs_total", "outcome"),
                graph("Refusals, by verdict", "reqps", ("gateway:provider_refusals:rate5m", "{{verdict}}")),
                quantiles("Duration of a call", "gateway_provider_call_duration_seconds"),
                rates("Messages, by result", "gateway_messages_total", "code"),
                rates("Unknown outcomes, by reason", "gateway_unknown_outcomes_total", "reason"),
                rates("Unknown outcomes settled", "gateway_unknown_outcomes_settled_total", "outcome"),
                quantiles("Wait for a sending slot", "gateway_pacing_wait_seconds"),
                quantiles("Wait for an earlier message", "gateway_delivery_order_wait_seconds"),
                total("Codes that the table does not know", "gateway_unclassified_provider_codes_total"),
                total("Results that contradict", "gateway_contradicted_results_total"),
                total("Failed and delivered", "gateway_status_conflicts_total"),
                total("Sent again in another form", "gateway_messages_replaced_total"),
            ),
        ),
        Row(
            "From WhatsApp",
            (
                rates("Requests, by outcome", "gateway_whatsapp_webhooks_total", "outcome", unit="reqps"),
                quantiles("Request latency", "gateway_whatsapp_webhook_duration_seconds", by="endpoint"),
                rates("Events", "gateway_whatsapp_events_total", "event"),
                rates("Statuses, by effect", "gateway_message_statuses_total", "status, effect"),
                rates("Parts skipped, by reason", "gateway_whatsapp_skipped_total", "reason"),
                rates("Posts set aside", "gateway_whatsapp_posts_set_aside_total", "endpoint"),
                rates("Opt-outs and opt-ins", "gateway_opt_outs_total", "meaning"),
                quantiles("Opt-out to its effect", "gateway_opt_out_effect_seconds"),
            ),
        ),
        Row(
            "Forwards to 3CX systems",
            (
                rates("Tries, by outcome", "gateway_forwards_total", "outcome"),
                quantiles("Duration of a try", "gateway_forward_duration_seconds"),
                value(
                    "Integrations whose forwards are stopped", "short", ("sum(gateway_forward_circuits_stopped)", "")
                ),
                rates("Changes of circuits", "gateway_forward_circuit_changes_total", "state"),
            ),
        ),
    ),
)
