"""What raises each alert about WhatsApp and 3CX systems."""

from tests.integration.rules.series import Case, Series, counter

WHATSAPP = (
    Case(
        alert="GatewayUnknownOutcomes",
        summary="Messages have an unknown outcome (sender_stopped)",
        labels={"reason": "sender_stopped"},
        series=(counter('gateway_unknown_outcomes_total{reason="sender_stopped"}'),),
    ),
    Case(
        alert="GatewayContradictedResults",
        summary="A message got a second result, which was discarded",
        series=(counter("gateway_contradicted_results_total"),),
    ),
    Case(
        alert="GatewayStatusConflicts",
        summary="WhatsApp reported both a failure and a delivery of a message",
        series=(counter("gateway_status_conflicts_total"),),
    ),
    Case(
        alert="GatewayCredentialsRefused",
        summary="WhatsApp refuses a number's credentials",
        series=(counter('gateway_provider_calls_total{outcome="refused",verdict="auth"}'),),
    ),
    Case(
        alert="GatewayNumberRestricted",
        summary="WhatsApp restricts a number or an account",
        series=(counter("gateway_numbers_paused_total"),),
    ),
    Case(
        alert="GatewayRestrictionOfNumber",
        summary="WhatsApp restricts a number (131048)",
        labels={"scope": "number", "cause": "131048"},
        series=(Series('gateway_restrictions{scope="number",cause="131048"}'),),
    ),
    Case(
        alert="GatewayRestrictionOfTemplate",
        summary="WhatsApp restricts a template (132015)",
        labels={"scope": "template", "cause": "132015"},
        series=(Series('gateway_restrictions{scope="template",cause="132015"}'),),
    ),
    Case(
        alert="GatewayRestrictionForAPerson",
        summary="Messages to customers are held until an operator confirms who they are (137000)",
        labels={"cause": "137000"},
        series=(Series('gateway_restrictions{scope="pair",cause="137000"}'),),
    ),
    Case(
        alert="GatewayTemplateLimitNear",
        summary="A business account has sent templates to 80 % of the customers that WhatsApp allows in 24 hours",
        series=(counter("gateway_templates_near_limit_total"),),
    ),
    Case(
        alert="GatewayBreakerStopped",
        summary="{instance} does not call WhatsApp for 1 numbers: their calls fail",
        labels={"service": "sender", "instance": "{instance}"},
        series=(Series('gateway_breakers_stopped{service="sender"}'),),
    ),
    Case(
        alert="GatewayUnclassifiedCodes",
        summary="WhatsApp returned an error code that is not in the verdict table",
        series=(counter("gateway_unclassified_provider_codes_total"),),
    ),
    Case(
        alert="GatewayApiVersionEnds",
        summary="cloud_api ends the configured API version v21.0 within 90 days",
        labels={"provider": "cloud_api", "version": "v21.0"},
        series=(
            Series(
                'gateway_provider_api_version_end_timestamp_seconds{provider="cloud_api",version="v21.0"}',
                sick="7000000",
                well="9000000",
            ),
        ),
    ),
    Case(
        alert="GatewayContactBookNotDeleted",
        summary="An erased person is still in WhatsApp's contact book after seven days",
        series=(counter('gateway_contact_book_deletions_total{outcome="failed"}'),),
    ),
    Case(
        alert="GatewayOptOutLate",
        summary="A customer's opt-out took effect more than 10 s after it was received",
        series=(
            counter("gateway_opt_out_effect_seconds_count"),
            Series('gateway_opt_out_effect_seconds_bucket{le="10.0"}', sick="0", before="2"),
        ),
    ),
    Case(
        alert="GatewayForwardsStopped",
        summary="Forwards to 3CX systems have been failing for 10 minutes",
        series=(counter('gateway_forwards_total{kind="message.received",outcome="retry"}'),),
    ),
)
