"""The metrics of console, as a closed list; no label is an id, a phone or a text."""

from prometheus_client import Counter, Gauge, Histogram

from libs.chassis.metrics import from_zero
from libs.chassis.topology import WORK_QUEUES
from libs.store.verified import Scope

CALLS = Counter(
    "gateway_console_calls_total", "Calls of the operators' API, by operation and status.", ["operation", "status"]
)
CALL_SECONDS = Histogram(
    "gateway_console_call_duration_seconds",
    "Time to answer a call of the operators' API.",
    ["operation"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
REFUSED_TOKENS = Counter("gateway_console_refused_tokens_total", "Calls without a valid bearer token.")
RELAYED = Counter(
    "gateway_outbox_relayed_total",
    "Changes published from the outbox, delayed, or failed for good, by outcome.",
    ["outcome"],
)
from_zero(RELAYED, ["published", "delayed", "failed"])
DEAD_LETTERS = Gauge(
    "gateway_dead_letters", "Dead letters that were neither replayed nor discarded, by queue.", ["queue"]
)
DEAD_LETTERS_KEPT = Counter(
    "gateway_dead_letters_kept_total", "Dead letters moved from the broker to the store, by queue.", ["queue"]
)
from_zero(DEAD_LETTERS, [work.name for work in WORK_QUEUES])
from_zero(DEAD_LETTERS_KEPT, [work.name for work in WORK_QUEUES])
SCHEDULED_REPORTS = Counter(
    "gateway_scheduled_reports_total",
    "Monthly reports that were written, delayed (tried again later), or failed by a defect (tried again too).",
    ["outcome"],
)
from_zero(SCHEDULED_REPORTS, ["written", "delayed", "failed"])
REPORTS_WAITING = Gauge(
    "gateway_scheduled_reports_waiting", "Monthly reports that are due and could not be written in the last round."
)
REPORT_SECONDS = Histogram(
    "gateway_report_duration_seconds",
    "Time to build a report.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
VERIFICATIONS = Counter(
    "gateway_record_verifications_total",
    "Verifications of the audit record that completed (ok, fault), or that another replica took over (stopped).",
    ["outcome"],
)
from_zero(VERIFICATIONS, ["ok", "fault", "stopped"])
RECORD_SOUND = Gauge(
    "gateway_record_sound",
    "1 when the last verification of the audit record found no fault; 0 from a fault until a later one finds none.",
    ["scope"],
)
VERIFIED_AT = Gauge(
    "gateway_record_verified_timestamp_seconds",
    "When the audit record was last verified (Unix time): what was new (incremental), or all of it (whole); 0: never.",
    ["scope"],
)
VERIFIED_RECORDS = Gauge("gateway_record_verified_records", "Records that the last verification read.", ["scope"])
for _scope in Scope:
    RECORD_SOUND.labels(_scope.value).set(1)
    VERIFIED_AT.labels(_scope.value)
    VERIFIED_RECORDS.labels(_scope.value)
RESTRICTIONS = Gauge(
    "gateway_restrictions",
    "Restrictions of WhatsApp that stand, by scope and by the error code or notice that caused them.",
    ["scope", "cause"],
)
ACCESSES_WAITING = Gauge(
    "gateway_access_records_waiting",
    "Reads of personal data or the record whose access record waits in memory for the store.",
)
REFUSED_ACCESSES = Counter(
    "gateway_console_refused_accesses_total",
    "Calls with a valid token that its role, its accounts, an unknown id or a limit refused.",
)
LOOKUPS = Counter(
    "gateway_person_lookups_total", "Look-ups of a person by phone or user id, admitted or refused.", ["outcome"]
)
from_zero(LOOKUPS, ["admitted", "refused"])
APPROVALS_WAITING = Gauge("gateway_approvals_waiting", "Requests that wait for a second person's decision.")
APPROVALS_OLDEST = Gauge(
    "gateway_approvals_oldest_seconds", "For how long the oldest request has waited for a second person; 0: none waits."
)
APPROVALS_STUCK = Gauge(
    "gateway_approvals_stuck", "Approved requests whose effect failed in the last round; they are tried again."
)
WAITING = Gauge("gateway_outbox_waiting", "Changes in the outbox that are not published, counted up to 100.")
