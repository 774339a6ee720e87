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
        alert="GatewaySignerRefuses",
        summary="A chain does not extend what was signed before, and is not signed",
        series=(Series("gateway_record_signer_refused_chains"),),
        within=120,
    ),
    Case(
        alert="GatewaySignerReset",
        summary="A signer lost its memory of what it signed (absent)",
        labels={"cause": "absent"},
        series=(counter('gateway_record_signer_resets_total{cause="absent"}'),),
        within=120,
        remembered=4200,
    ),
    Case(
        alert="GatewayCheckpointSinkMissing",
        summary="Checkpoints are shipped nowhere",
        series=(Series("gateway_checkpoint_sink_configured", sick="0", well="1"),),
    ),
    Case(
        alert="GatewayLogRefused",
        summary="The cumulative log is not signed, or a chain contradicts it",
        series=(Series("gateway_log_refused"),),
        within=30,
    ),
    Case(
        alert="GatewayWitnessLags",
        summary="A witness has not cosigned the cumulative log for 30 minutes (w1)",
        labels={"witness": "w1"},
        series=(Series('gateway_log_cosigned_timestamp_seconds{witness="w1"}', sick="{t}", well="{t}+15"),),
        within=1800 + 330,
        remembered=2400,
    ),
    Case(
        alert="GatewayTimestampsFail",
        summary="The cumulative log gets no timestamps",
        series=(counter('gateway_log_timestamps_total{outcome="failed"}'),),
        within=300,
    ),
    Case(
        alert="GatewayPurgeStopped",
        summary="No record is purged: audit's clock disagrees (jump)",
        labels={"clock": "jump"},
        series=(Series('gateway_record_purge_stopped{clock="jump"}'),),
        within=600,
    ),
    Case(
        alert="GatewayRestoreLinesIncomplete",
        summary="Lines about erasures and opt-outs, which a restore needs, are delayed",
        labels={"outcome": "delayed"},
        series=(counter('gateway_restore_lines_total{outcome="delayed"}'),),
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
        alert="GatewayPersonLookupsRefused",
        summary="A token looks up more persons an hour than it may",
        series=(counter('gateway_person_lookups_total{outcome="refused"}'),),
    ),
    Case(
        alert="GatewayAccessRecordsWaiting",
        summary="Reads of personal data are not on record: the store writes nothing",
        series=(Series("gateway_access_records_waiting"),),
    ),
    Case(
        alert="GatewayApprovalsWaiting",
        summary="A request has waited for a second person for a day",
        series=(Series("gateway_approvals_oldest_seconds", sick="90000", well="3600"),),
    ),
    Case(
        alert="GatewayApprovalsStuck",
        summary="An approved request has no effect",
        series=(Series("gateway_approvals_stuck"),),
    ),
    Case(
        alert="GatewayScheduledReportsDelayed",
        summary="Monthly reports that are due are not written",
        series=(Series("gateway_scheduled_reports_waiting"),),
    ),
)
