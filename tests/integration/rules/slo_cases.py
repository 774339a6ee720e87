"""What raises each alert about the service levels."""

from tests.integration.rules.series import Case, Series, counter

_PENDING = (counter('gateway_webhooks_total{code="pending",cause="none"}'),)
_UNAVAILABLE = (counter('gateway_webhooks_total{code="gateway_unavailable",cause="none"}'),)
_SLOW = (
    Series('gateway_webhook_duration_seconds_bucket{cause="none",le="2.5"}', sick="0", before="3"),
    counter('gateway_webhook_duration_seconds_count{cause="none"}'),
)
# Hours and days of samples take promtool minutes, so the replaced pod of these had no failure.
_PENDING_NEVER = (Series('gateway_webhooks_total{code="pending",cause="none"}', before="0"),)
_SLOW_NEVER = (
    Series('gateway_webhook_duration_seconds_bucket{cause="none",le="2.5"}', sick="0", before="9+9", well="9+9"),
    Series('gateway_webhook_duration_seconds_count{cause="none"}', before="9+9", well="9+9"),
)

SLO = (
    Case(
        alert="GatewayAvailabilityBurnsFast",
        summary="100% of the webhooks get gateway_unavailable or pending",
        series=_PENDING,
        remembered=3600,
    ),
    Case(
        alert="GatewayAvailabilityBurns",
        summary="100% of the webhooks of 30 minutes got gateway_unavailable or pending",
        series=_PENDING_NEVER,
    ),
    Case(
        alert="GatewayAvailabilityBudget",
        summary="100% of the webhooks of three days got gateway_unavailable or pending",
        series=_PENDING_NEVER,
    ),
    Case(
        alert="GatewayLatencyBurnsFast",
        summary="100% of the webhooks take longer than 2.5 s",
        series=_SLOW,
        remembered=3600,
    ),
    Case(
        alert="GatewayLatencyBurns",
        summary="100% of the webhooks of 30 minutes took longer than 2.5 s",
        series=_SLOW_NEVER,
    ),
    Case(
        alert="GatewayLatencyBudget",
        summary="100% of the webhooks of three days took longer than 2.5 s",
        series=_SLOW_NEVER,
    ),
    Case(alert="GatewayUnavailableAnswers", summary="Callers receive gateway_unavailable", series=_UNAVAILABLE),
    Case(
        alert="GatewayPendingAnswers",
        summary="Callers receive pending: their messages had no result within 8 seconds",
        series=_PENDING,
    ),
    Case(
        alert="GatewayRejectionsFlood",
        summary="More than 5 requests per second fail authentication",
        series=(Series('gateway_webhook_rejections_total{reason="wrong_secret"}', sick="1+99", before="3"),),
    ),
)
