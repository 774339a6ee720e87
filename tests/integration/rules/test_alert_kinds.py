"""Each alert fires for a series that is born at 1, ends when its pod is replaced, and is silent without traffic.

The tests are made from the tables beside it and run by promtool. In a cluster a series usually begins with its first
event, and `increase` does not see that one.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.rules.queue_cases import QUEUES
from tests.integration.rules.record_cases import RECORD
from tests.integration.rules.series import EVERY, Case
from tests.integration.rules.service_cases import SERVICES
from tests.integration.rules.slo_cases import SLO
from tests.integration.rules.whatsapp_cases import WHATSAPP

ROOT = Path(__file__).parents[3]
RULES = ROOT / "deploy" / "prometheus" / "rules"
TABLE: Mapping[str, tuple[Case, ...]] = {
    "slo": SLO,
    "services": SERVICES,
    "queues": QUEUES,
    "whatsapp": WHATSAPP,
    "record": RECORD,
}
BORN = 8  # samples
PROMISED = {"page": 120, "ticket": 900 - EVERY}
Rule = dict[str, Any]


def groups_in(file: str) -> list[Rule]:
    groups: list[Rule] = yaml.safe_load((RULES / f"{file}.rules.yml").read_text("utf-8"))["groups"]
    return groups


def alerts_in(file: str) -> list[Rule]:
    return [rule for group in groups_in(file) for rule in group["rules"] if "alert" in rule]


def test_the_table_has_every_alert_of_every_file() -> None:
    assert set(TABLE) == {path.name.split(".")[0] for path in RULES.iterdir()} - {"recording"}
    for file, listed in TABLE.items():
        assert [case.alert for case in listed] == [rule["alert"] for rule in alerts_in(file)]


@pytest.mark.parametrize("file", TABLE)
def test_its_alerts_pass_all_three_kinds(file: str, tmp_path: Path) -> None:
    rules = {rule["alert"]: rule for rule in alerts_in(file)}
    suites = [suite_of(case, rules[case.alert], file, tmp_path) for case in TABLE[file]]

    environ = os.environ | {"GOGC": "400"}  # its garbage collector took a third of the time
    ran = subprocess.run(
        [promtool(), "test", "rules", *suites], env=environ, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert len(suites) == len(rules)


def suite_of(case: Case, rule: Rule, file: str, folder: Path) -> Path:
    """The tests of one alert. It stands alone with what it reads: promtool computes every rule at each step."""
    groups = list(groups_with(rule, [*groups_in("recording"), *groups_in(file)]))
    rule_file, suite = folder / f"{case.alert}.rules.yml", folder / f"{case.alert}.test.yml"
    rule_file.write_text(yaml.safe_dump({"groups": groups}, sort_keys=False, width=200), "utf-8")
    content = {
        "rule_files": [str(rule_file)],
        "evaluation_interval": f"{EVERY}s",
        "group_eval_order": [group["name"] for group in groups],
        "tests": list(three_kinds(case, rule)),
    }
    suite.write_text(yaml.safe_dump(content, sort_keys=False, width=200), "utf-8")
    return suite


def groups_with(alert: Rule, groups: list[Rule]) -> Iterator[Rule]:
    """The groups, with this alert and the recording rules that it reads, itself or through others, and with no more."""
    read = names_read_by(alert, groups)
    for group in groups:
        rules = [rule for rule in group["rules"] if rule == alert or rule.get("record") in read]
        if rules:
            yield group | {"rules": rules}


def names_read_by(alert: Rule, groups: list[Rule]) -> set[str]:
    """The recording rules that an alert reads."""
    records = {rule["record"]: rule["expr"] for group in groups for rule in group["rules"] if "record" in rule}
    read, more = set[str](), {alert["expr"]}
    while more:
        found = {name for name in records if any(re.search(rf"{re.escape(name)}\b", expr) for expr in more)} - read
        read |= found
        more = {records[name] for name in found}
    return read


def promtool() -> str:
    found = subprocess.run([ROOT / "tools" / "find-promtool"], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def three_kinds(case: Case, rule: Rule) -> Iterator[dict[str, Any]]:
    yield born_at_one(case, rule)
    yield pod_replaced(case, rule)
    yield no_traffic(case)


def born_at_one(case: Case, rule: Rule) -> dict[str, Any]:
    """The series begins with the fault; the alert fires within the time that its severity promises."""
    birth = BORN * EVERY
    series = {each.of("b"): f"_x{BORN} {values(each.sick, birth)}" for each in case.series}
    fires_at = birth + (case.within or PROMISED[rule["labels"]["severity"]])
    checks = [] if case.absence else [expects_none(case, birth - EVERY)]
    return test_of(case, "born at 1", series, [*checks, expects(case, rule, fires_at, instance="b")])


def pod_replaced(case: Case, rule: Rule) -> dict[str, Any]:
    """The old pod's counters are old, and its gauges say that it is sick; the new pod is well."""
    samples = case.remembered // EVERY + 20
    changed = (samples + 1) * EVERY
    series = {}
    for each in case.series:
        series[each.of("a")] = f"{values(each.before or each.sick, 0, samples)} stale"
        series[each.of("b")] = f"_x{samples + 1} {values(each.well, changed)}"
    stands = any(each.before is None for each in case.series)
    old = expects(case, rule, samples * EVERY, instance="a") if stands else expects_none(case, samples * EVERY)
    return test_of(
        case, "pod replaced", series, [old, expects_none(case, changed + EVERY), expects_none(case, changed + 900)]
    )


def no_traffic(case: Case) -> dict[str, Any]:
    """All is well, and nothing happens."""
    series = {each.of("a"): values(each.well, 0) for each in case.series}
    return test_of(case, "no traffic", series, [expects_none(case, at) for at in (300, 1800)])


def values(notation: str, begins: int, samples: int = 400) -> str:
    """`samples` values in promtool's notation; `{t}` is the time at which they begin."""
    first, sign, step = notation.replace("{t}-3600", str(begins - 3600)).replace("{t}", str(begins)).rpartition("+")
    return f"{first}{sign}{step}x{samples}"


def test_of(case: Case, kind: str, series: Mapping[str, str], checks: list[dict[str, Any]]) -> dict[str, Any]:
    beside = {name: f"{value}x2000" for name, value in case.beside.items()}
    both = [{"series": name, "values": notation} for name, notation in (beside | dict(series)).items()]
    return {"name": f"{case.alert}: {kind}", "interval": f"{EVERY}s", "input_series": both, "alert_rule_test": checks}


test_of.__test__ = False  # type: ignore[attr-defined]  # a builder, which pytest would collect by its name


def expects(case: Case, rule: Rule, at: int, *, instance: str) -> dict[str, Any]:
    labels = {name: value.format(instance=instance) for name, value in case.labels.items()}
    annotations = {
        "summary": case.summary.format(instance=instance),
        "runbook_url": rule["annotations"]["runbook_url"],
    }
    alert = {"exp_labels": rule["labels"] | labels, "exp_annotations": annotations}
    return {"eval_time": f"{at}s", "alertname": case.alert, "exp_alerts": [alert]}


def expects_none(case: Case, at: int) -> dict[str, Any]:
    return {"eval_time": f"{at}s", "alertname": case.alert, "exp_alerts": []}
