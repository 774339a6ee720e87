"""A labelled series begins at 0 when its service starts: an increase is not seen on one that is born with an event.

The lists are those of the import: a subprocess, because other tests make series too.
"""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from libs.chassis import metrics as chassis_metrics
from services.sender import metrics as sender_metrics
from services.sender.domain.circuit_breaker import CircuitState

OPEN: Final = {
    # Made when a consumer starts, for its own queue (libs.chassis.metrics.consumer_from_zero and the consumers).
    "gateway_deliveries_total": "the queues that the service consumes",
    "gateway_handling_duration_seconds": "the queues that the service consumes",
    "gateway_handler_loop_seconds": "the queues that the service consumes",
    "gateway_event_age_seconds": "the queues that the service consumes",
    "gateway_deliveries_in_flight": "the queues that the service consumes",
    "gateway_oldest_delivery_seconds": "the queues that the service consumes",
    "gateway_oldest_event_seconds": "the queues that the service consumes",
    "gateway_prefetch": "the queues that the service consumes",
    "gateway_consumer_stuck": "the queues that the service consumes",
    "gateway_consumer_restarts_total": "the queues that the service consumes",
    "gateway_stale_acknowledgements_total": "the queues that the service consumes",
    "gateway_account_deferred_total": "the queues that the service consumes",
    "gateway_unauthenticated_events_total": "the queues that the service consumes, exclusive ones too",
    # Made when what they are about starts.
    "gateway_dependency_up": "the probes that the service is started with",
    "gateway_job_succeeded_timestamp_seconds": "the jobs that the service is started with",
    "gateway_job_interval_seconds": "the jobs that the service is started with",
    "gateway_job_failures_total": "the jobs that the service is started with",
    "gateway_whatsapp_posts_set_aside_total": "the addresses of the providers that ingress is started with",
    "gateway_whatsapp_webhook_duration_seconds": "the addresses of the providers that ingress is started with",
    "gateway_store_size_bytes": "the databases of the store that is opened",
    "gateway_log_cosignatures_total": "the witnesses that audit is started with; no alert reads it",
    "gateway_log_cosigned_timestamp_seconds": "the witnesses that audit is started with",
    # The values are the provider's or the operator's; gauges, or counters that no alert reads.
    "gateway_provider_api_version_end_timestamp_seconds": "a setting, and only while an end is announced",
    "gateway_restrictions": "WhatsApp's error codes and notices; a gauge, so its birth is seen",
    "gateway_account_updates_total": "WhatsApp's topics times its words",
    "gateway_whatsapp_fields_total": "the documented fields of a provider's webhooks",
    "gateway_console_calls_total": "operations times statuses",
    "gateway_console_call_duration_seconds": "the operations of the API",
}
"""Labelled metrics without series at import, each with what its values are."""
LIST_SERIES: Final = """
import json
from tests.unit.deploy.metrics_in_code import metrics_in_code
print(json.dumps({k.name: sorted(map(list, k.series)) for k in metrics_in_code().values() if k.labels}))
"""


@pytest.fixture(scope="module")
def at_import() -> dict[str, list[list[str]]]:
    """The series of each labelled metric in a process that has imported the services and done nothing."""
    printed = subprocess.run([sys.executable, "-c", LIST_SERIES], capture_output=True, text=True, check=True).stdout
    series: dict[str, list[list[str]]] = json.loads(printed)
    return series


def test_every_labelled_metric_has_its_series_from_the_start_or_is_listed_as_open(
    at_import: dict[str, list[list[str]]],
) -> None:
    assert {name for name, series in at_import.items() if not series} == set(OPEN)


def test_every_event_and_code_has_a_series(at_import: dict[str, list[list[str]]]) -> None:
    codes = {code for code, _ in at_import["gateway_webhooks_total"]}

    assert {"sent", "pending", "gateway_unavailable", "policy_violation"} <= codes
    assert ["whatsapp.message_received"] in at_import["gateway_whatsapp_events_total"]
    assert ["refused", "auth"] in at_import["gateway_provider_calls_total"]


def test_the_consumer_of_a_queue_makes_its_series() -> None:
    chassis_metrics.consumer_from_zero("policy.test")

    for settlement in ("ack", "retry", "dead_letter"):
        assert ("policy.test", settlement) in chassis_metrics.CONSUMED._metrics


def test_the_states_of_circuits_are_those_of_the_breaker() -> None:
    assert set(sender_metrics.CIRCUIT_STATES) == {state.value for state in CircuitState}


def words_given_to(call: str, *files: str) -> Iterator[str]:
    """The literal first arguments of the calls of a function, those of a conditional expression included."""
    for path in files:
        for node in ast.walk(ast.parse(Path(path).read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == call and node.args:
                for part in ast.walk(node.args[0]):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield part.value


def test_every_reason_of_an_unknown_outcome_has_a_series() -> None:
    # Probes, uploads, lists and read receipts send no message.
    probes_only = {"no_instance", "no_number_id", "no_media_id", "no_templates", "too_many_pages", "not_confirmed"}
    providers = [str(path) for path in Path("libs/providers").rglob("*.py")]
    given = {*words_given_to("OutcomeUnknown", *providers), *words_given_to("unknown", *sender_files())}

    assert given - probes_only
    assert given - probes_only <= set(sender_metrics.UNKNOWN_REASONS)
    assert set(reasons_of_faults()) <= set(sender_metrics.UNKNOWN_REASONS)


def reasons_of_faults() -> list[str]:
    from libs.providers import http  # noqa: PLC0415 -- aiohttp takes a while

    return [reason for _, reason in http._REASONS]


def sender_files() -> list[str]:
    return [str(path) for path in Path("services/sender").rglob("*.py")]


def test_every_reason_of_a_failed_publish_has_a_series() -> None:
    given = set(words_given_to("_failed", "libs/chassis/amqp/publisher.py"))

    assert given == set(chassis_metrics.PUBLISH_FAILURE_REASONS)
