"""What a row of the fault table must hold, and the page that is made of rows."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.alerts.catalogue import PARTS, measured
from tests.chaos.alerts.fault import ALLOWANCE, Expected, Fault, Row
from tests.chaos.alerts.pressure import Moment, stalled_seconds
from tests.chaos.alerts.process_faults import SERVICES
from tests.chaos.alerts.table import PAGE, REAL, SCALED, page, read, written
from tests.chaos.alerts.untried import UNTRIED
from tests.unit.deploy.rule_files import rules_by_file

GOOD = Row(
    fault="store locked",
    alert="GatewayStoreNotWritable",
    severity="page",
    factor=1.0,
    fired_after=80.0,
    ended_after=20.0,
    commands=4,
)
FAULTS = [fault for groups in PARTS.values() for group in groups for fault in group]


def test_a_row_holds_when_its_alert_came_in_time_and_ended() -> None:
    assert GOOD.holds


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"fired_after": None}, id="it never fired"),
        pytest.param({"fired_after": 120.5}, id="a page came late"),
        pytest.param({"severity": "ticket", "fired_after": 900.5}, id="a ticket came late"),
        pytest.param({"ended_after": None}, id="it stays after the mend"),
        pytest.param({"false": ("GatewayServiceDown",)}, id="another alert is false"),
        pytest.param({"otherwise": ("$ x",)}, id="the runbook says something else"),
    ],
)
def test_a_row_with_an_empty_late_or_false_cell_does_not_hold(changes: dict[str, object]) -> None:
    assert not replace(GOOD, **changes).holds  # type: ignore[arg-type]  # a table


def test_a_scaled_row_has_the_scaled_limit_and_what_the_machine_takes() -> None:
    scaled = replace(GOOD, factor=15.0, fired_after=120 / 15 + ALLOWANCE)

    assert scaled.holds
    assert not replace(scaled, fired_after=120 / 15 + ALLOWANCE + 0.1).holds


def test_a_scaled_row_does_not_count_what_it_waited_for_a_cpu_and_a_real_one_does() -> None:
    late = 120 / 15 + ALLOWANCE + 5

    assert replace(GOOD, factor=15.0, fired_after=late, stalled=5.0).holds
    assert not replace(GOOD, factor=15.0, fired_after=late, stalled=4.9).holds
    assert not replace(GOOD, fired_after=125.0, stalled=5.0).holds


def test_the_wait_for_a_cpu_is_read_from_the_kernel_and_is_nothing_where_it_does_not_tell(tmp_path: Path) -> None:
    file = tmp_path / "cpu"
    file.write_text("some avg10=18.02 avg60=30.99 total=15827860947\nfull avg10=0.00 total=7\n", "utf-8")

    assert stalled_seconds(file) == 15_827.860947
    assert stalled_seconds(tmp_path / "missing") == 0.0
    assert Moment(20.0, 9.0).stalled_since(Moment(10.0, 5.0)) == 4.0
    assert Moment(20.0, 95.0).stalled_since(Moment(10.0, 5.0)) == 10.0


def test_an_alert_is_told_from_others_of_its_name_by_its_labels() -> None:
    expected = Expected("GatewayServiceDown", {"service": "policy"})

    assert expected.matches({"alertname": "GatewayServiceDown", "service": "policy", "severity": "page"})
    assert not expected.matches({"alertname": "GatewayServiceDown", "service": "sender"})
    assert str(expected) == "GatewayServiceDown (policy)"


def test_the_page_has_both_times_of_a_fault_and_a_dash_where_one_was_not_measured(tmp_path: Path) -> None:
    other = replace(GOOD, fault="store full (disk)", factor=15.0, fired_after=5.5, ended_after=6.0)
    written([replace(GOOD, factor=15.0, fired_after=4.9), other], tmp_path / "scaled.jsonl")
    written([GOOD, replace(GOOD, fired_after=None)], tmp_path / "real.jsonl")

    text = page(read(tmp_path / "scaled.jsonl"), read(tmp_path / "real.jsonl"))

    link = "[GatewayStoreNotWritable](runbook/services.md#gatewaystorenotwritable)"
    assert f"| store locked | {link} | page | 4.9 | 20 | 80 | 20 |\n" in text
    assert f"| store full (disk) | {link} | page | 5.5 | 6 | – | – |\n" in text


def test_the_committed_page_is_what_the_committed_rows_give() -> None:
    """After a change: `python -m tests.chaos.alerts page`."""
    assert PAGE.read_text("utf-8") == page(read(SCALED), read(REAL))


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_is_killed_and_is_frozen(service: str) -> None:
    names = [fault.name for fault in FAULTS]

    assert f"{service} killed" in names
    assert f"{service} frozen (SIGSTOP)" in names


def test_an_alert_whose_end_is_not_waited_for_holds_without_one(tmp_path: Path) -> None:
    lasting = replace(GOOD, ended_after=None, lasts=True)
    written([lasting], tmp_path / "rows.jsonl")
    rows = read(tmp_path / "rows.jsonl")

    assert rows == [lasting]
    assert rows[0].holds
    assert not replace(lasting, fired_after=None).holds
    assert "| page | 80 | window | 80 | window |\n" in page(rows, rows)


def test_each_alert_of_the_rules_has_a_fault_in_the_table_or_the_reason_why_not() -> None:
    alerts = {rule["alert"] for rules in rules_by_file().values() for rule in rules if "alert" in rule}

    assert sorted(measured() | UNTRIED.keys()) == sorted(alerts)
    assert sorted(measured() & UNTRIED.keys()) == []


def test_no_two_faults_have_the_same_name() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_committed_page_has_each_alert_of_a_fault_with_its_figures(fault: Fault) -> None:
    [text] = [part for part in PAGE.read_text("utf-8").split("\n## ") if part.startswith("Faults")]
    name = fault.name
    [start] = [number for number, line in enumerate(text.splitlines()) if line.startswith(f"| {name} |")]
    wanted = (*fault.expected, *fault.lasting)

    for line, expected in zip(text.splitlines()[start : start + len(wanted)], wanted, strict=True):
        alert, _, *measured_cells = [cell.strip() for cell in line.split("|")[2:8]]
        fired, ended = zip(measured_cells[:2], measured_cells[2:], strict=True)
        assert expected.alert in alert
        assert [float(cell) for cell in fired if cell != "–"]
        assert {"window"} & {*ended} if expected in fault.lasting else [float(cell) for cell in ended if cell != "–"]
