"""Rules ask for series, labels and values that exist, queues are named as in the topology, alerts have their links."""

import re
from pathlib import Path
from typing import Any

import pytest

from docs.runbook_links import runbook_base, with_links
from libs.chassis.topology import RECORDS, WORK_QUEUES, all_queues
from tests.unit.deploy.expressions import selectors_in
from tests.unit.deploy.rule_files import alerts, catalogue, recordings, rules_by_file

CATALOGUE = catalogue()
QUEUES = {queue.name for queue in all_queues()}
WORK = {work.name for work in WORK_QUEUES}


def named(rule: dict[str, Any]) -> str:
    return str(rule.get("alert") or rule["record"])


@pytest.mark.parametrize("rule", [*recordings(), *alerts()], ids=named)
def test_a_rule_asks_for_what_exists(rule: dict[str, Any]) -> None:
    assert CATALOGUE.faults_in(rule["expr"]) == []


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("sum(rate(gateway_webhook_total[5m])) > 0", "no series gateway_webhook_total"),
        ('gateway_webhooks_total{status="sent"}', "gateway_webhooks_total has no label status"),
        ('gateway_webhooks_total{code=~"sent|gone"}', "gateway_webhooks_total has no code gone"),
        ("sum by (queue) (gateway_ready)", "no series has the label queue"),
        ("rabbitmq_queue_messages_waiting", "no series rabbitmq_queue_messages_waiting"),
    ],
)
def test_a_misspelt_name_is_found(expression: str, fault: str) -> None:
    assert CATALOGUE.faults_in(expression) == [fault]


@pytest.mark.parametrize("rule", [rule for rule in alerts() if "queue" in rule["expr"]], ids=named)
def test_a_queue_of_an_alert_is_one_of_the_topology(rule: dict[str, Any]) -> None:
    for selector in selectors_in(rule["expr"]):
        for label, _, pattern in selector.matchers:
            if label == "queue":
                for word in words_of(pattern):
                    assert any(re.fullmatch(word, queue) for queue in QUEUES), word


def words_of(pattern: str) -> list[str]:
    """The names of a pattern such as `policy[.](webhooks|inbound)|audit[.]records`."""
    words = []
    for service, inner in re.findall(r"([^|(]+)(?:\(([^)]*)\))?\|?", pattern):
        words += [service + name for name in inner.split("|")]
    return words


@pytest.mark.parametrize("alert", ["GatewayQueueUnattended", "GatewayQueueStalled"])
def test_an_alert_about_consumers_selects_every_work_queue_and_no_other(alert: str) -> None:
    assert selected_by(alert) == WORK


def test_the_depth_of_every_work_queue_has_an_alert() -> None:
    deep = selected_by("GatewayQueueDeep") | selected_by("GatewayQueueBacklog") | selected_by("GatewayRecordBehind")

    assert deep == WORK
    assert selected_by("GatewayRecordBehind") == {RECORDS.name}


def selected_by(alert: str) -> set[str]:
    """The queues of which the alert's selector takes series of the broker."""
    [rule] = [rule for rule in alerts() if rule["alert"] == alert]
    return {
        queue
        for selector in selectors_in(rule["expr"])
        for label, _, pattern in selector.matchers
        if label == "queue" and selector.name.startswith("rabbitmq_")
        for queue in QUEUES
        if re.fullmatch(pattern, queue)
    }


def test_every_alert_has_its_section_in_the_runbook_and_the_link_to_it() -> None:
    sections = {
        path.stem: re.findall(r"^## (\w+)$", path.read_text("utf-8"), re.MULTILINE)
        for path in Path("docs/runbook").glob("*.md")
    }

    for page, rules in rules_by_file().items():
        listed = [rule["alert"] for rule in rules if "alert" in rule]
        assert sorted(sections.get(page, [])) == sorted(listed), page
        for rule in rules:
            if "alert" in rule:
                link = f"{runbook_base()}/{page}.md#{rule['alert'].lower()}"
                assert rule["annotations"]["runbook_url"] == link


def test_every_alert_is_a_page_or_a_ticket_with_a_sentence() -> None:
    for rule in alerts():
        assert rule["labels"].keys() == {"severity"}, rule["alert"]
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"].keys() == {"summary", "runbook_url"}


@pytest.mark.parametrize("rule", alerts(), ids=named)
def test_an_increase_is_asked_for_with_the_births(rule: dict[str, Any]) -> None:
    """`increase` does not see a series that begins with its first event, so the same series is asked for its age."""
    for selector, window in re.findall(r"increase\(([^\[]+)\[(\w+)\]\)", rule["expr"]):
        if rule["alert"] in {"GatewayUnavailableAnswers", "GatewayPendingAnswers"} and "code=" not in selector:
            continue  # what the share is taken of
        if rule["alert"] == "GatewayCheckpointsNotShipped" and "shipped" in selector.partition("{")[2]:
            continue  # what ends the alert
        if rule["alert"] == "GatewayTimestampsFail" and "granted" in selector:
            continue  # what ends the alert
        births = rf"{re.escape(selector)}\s+unless\s+last_over_time\({re.escape(selector)}\[1h\] offset {window}\)"
        assert re.search(births, rule["expr"]), selector


def test_links_follow_the_summary_of_each_alert() -> None:
    rules = '      - alert: GatewayX\n        annotations:\n          summary: "S"\n          runbook_url: old\n'

    assert (
        with_links(rules, "https://there/x.md").splitlines()[-1] == "          runbook_url: https://there/x.md#gatewayx"
    )
