"""Dashboards are what Grafana can import, and every panel asks for series, labels and values that exist."""

import re

import pytest

from tests.unit.deploy.metrics_in_code import metrics_in_code
from tests.unit.deploy.rule_files import alerts, catalogue, loaded_dashboards, panel_queries, panels, recordings

CATALOGUE = catalogue()
QUERIES = sorted({expression for _, _, expression in panel_queries()})


def test_there_are_three_dashboards_each_with_an_address_of_its_own() -> None:
    dashboards = loaded_dashboards()

    assert {name: dashboard["uid"] for name, dashboard in dashboards.items()} == {
        name: name for name in ("gateway", "gateway-numbers", "gateway-record")
    }


@pytest.mark.parametrize("expression", QUERIES)
def test_a_panel_asks_for_what_exists(expression: str) -> None:
    assert CATALOGUE.faults_in(expression) == []


def test_panels_do_not_overlap_and_have_queries_and_units() -> None:
    for name, dashboard in loaded_dashboards().items():
        taken: set[tuple[int, int]] = set()
        ids = [panel["id"] for panel in dashboard["panels"]]
        assert len(ids) == len(set(ids)), name
        for panel in dashboard["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            assert not cells & taken, panel["title"]
            assert at["x"] + at["w"] <= 24
            taken |= cells
            if panel["type"] != "row":
                assert panel["targets"], panel["title"]
                assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]


def test_a_legend_names_labels_that_its_query_keeps() -> None:
    for _, panel in panels():
        for target in panel.get("targets", []):
            expression = target["expr"]
            kept = {label.strip() for inner in re.findall(r"by \(([^)]*)\)", expression) for label in inner.split(",")}
            if expression in CATALOGUE.recorded:
                kept |= CATALOGUE.recorded[expression]
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= kept, expression


def test_every_recording_rule_is_read_by_an_alert_or_a_panel() -> None:
    asked = " ".join([*QUERIES, *(rule["expr"] for rule in alerts())])

    assert [rule["record"] for rule in recordings() if rule["record"] not in asked] == []


def test_every_counter_and_histogram_is_on_a_dashboard_or_in_an_alert() -> None:
    asked = " ".join([*QUERIES, *(rule["expr"] for rule in (*alerts(), *recordings()))])
    unread = {name for name in metrics_in_code() if name not in asked}

    assert unread == NOT_SHOWN.keys()


NOT_SHOWN = {
    "gateway_webhooks_withdrawn_total": "a step of an outage that the answers and publishes show",
    "gateway_unattributed_updates_total": "of interest only while an account is set up",
    "gateway_whatsapp_fields_total": "of interest only after a release of Meta's",
    "gateway_account_updates_total": "what WhatsApp notifies; its effects are the restrictions",
    "gateway_events_published_total": "the deliveries of the next hop",
    "gateway_broker_reconnects_total": "gateway_dependency_up shows the loss",
    "gateway_handler_loop_seconds": "for developers; gateway_event_loop_lag_seconds is its effect",
}
"""Metrics that no alert and no panel reads, each with the reason."""
