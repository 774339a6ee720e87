"""Changes of circuits are counted, and the log names whose circuit it is: once when it opens, once when it closes."""

from prometheus_client import CollectorRegistry, Counter
from structlog.testing import capture_logs

from services.sender.domain.circuit_breaker import CircuitState
from services.sender.handlers.circuit_changes import CircuitChanges

CYCLE = (CircuitState.OPEN, CircuitState.HALF_OPEN, CircuitState.OPEN, CircuitState.HALF_OPEN, CircuitState.CLOSED)


def test_a_circuit_that_opens_again_after_a_failed_probe_is_logged_once() -> None:
    registry = CollectorRegistry()
    changes = CircuitChanges(Counter("changes", "Changes.", ["state"], registry=registry), "number_id")

    with capture_logs() as lines:
        for state in CYCLE * 2:
            changes("num-1", state)

    assert [(line["event"], line["number_id"]) for line in lines] == [
        ("circuit opened, calls stop", "num-1"),
        ("circuit closed, calls go on", "num-1"),
    ] * 2
    assert registry.get_sample_value("changes_total", {"state": "open"}) == 4


def test_each_owner_has_lines_of_its_own() -> None:
    changes = CircuitChanges(Counter("changes", "Changes.", ["state"], registry=CollectorRegistry()), "integration_id")

    with capture_logs() as lines:
        changes("int-1", CircuitState.OPEN)
        changes("int-2", CircuitState.OPEN)

    assert [line["integration_id"] for line in lines] == ["int-1", "int-2"]
