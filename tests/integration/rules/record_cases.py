"""What raises each alert about the record and the console."""

from tests.integration.rules.series import Case, Series, counter

RECORD = (
    Case(
        alert="GatewayRecordTampered",
        summary="The record was altered",
        series=(Series('gateway_record_sound{scope="incremental"}', sick="0", well="1"),),
    ),
    Case(
        alert="GatewayRecordNotVerified",
        summary="The verification of the record (incremental) is overdue",
        labels={"scope": "incremental"},
        series=(Series('gateway_record_verified_timestamp_seconds{scope="incremental"}', sick="{t}", well="{t}+15"),),
        within=900 + 150,
        remembered=1200,
    ),
    Case(
        alert="GatewayRecordNotCheckpointed",
        summary="The newest records have had no checkpoint for 30 minutes",
        series=(Series("gateway_record_checkpointed_timestamp_seconds", sick="{t}", well="{t}+15"),),
        within=1800 + 330,
        remembered=2400,
    ),
    Case(
        alert="GatewayCheckpointsNotShipped",
        summary="Checkpoints cannot be shipped to the sink",
        series=(counter('gateway_checkpoints_shipped_total{outcome="delayed"}'),),
        within=300,
    ),
    Case(
        alert="GatewayRefusalsUnrecorded",
        summary="Refusals are missing in the record: too many waited for the broker",
        series=(counter("gateway_refusals_unrecorded_total"),),
    ),
    Case(
        alert="GatewayOutboxWaiting",
        summary="Changes of operators have not been published for 10 minutes",
        series=(Series("gateway_outbox_waiting"),),
    ),
    Case(
        alert="GatewayScheduledReportsDelayed",
        summary="Monthly reports that are due are not written",
        series=(Series("gateway_scheduled_reports_waiting"),),
    ),
)
