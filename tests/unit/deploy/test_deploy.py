import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOY = Path("deploy")
KNOWN = set(re.findall(r"^\| `(gateway_\w+)`", Path("docs/metrics.md").read_text("utf-8"), re.MULTILINE))
OF_A_HISTOGRAM = ("_bucket", "_sum", "_count")


def loaded(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text("utf-8"))


def rules(name: str) -> list[dict[str, Any]]:
    return [rule for group in loaded(name)["groups"] for rule in group["rules"]]


ALERTS = rules("prometheus/alerts.rules.yml")
RECORDED = {rule["record"] for rule in rules("prometheus/recording.rules.yml")}
DASHBOARD = json.loads((DEPLOY / "grafana/dashboards/gateway.json").read_text("utf-8"))
EXPRESSIONS = [
    *(rule["expr"] for rule in ALERTS),
    *(rule["expr"] for rule in rules("prometheus/recording.rules.yml")),
    *(target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])),
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_expression_names_metrics_that_exist(expression: str) -> None:
    for name in re.findall(r"\bgateway_\w+", re.sub(r'"[^"]*"', "", expression)):
        plain = next((name.removesuffix(s) for s in OF_A_HISTOGRAM if name.endswith(s)), name)
        assert name in KNOWN or plain in KNOWN, name
    for name in re.findall(r"gateway:\w+:\w+", expression):
        assert name in RECORDED, name


def test_every_alert_has_its_section_in_the_runbook() -> None:
    sections = re.findall(r"^## (\w+)$", Path("docs/runbook.md").read_text("utf-8"), re.MULTILINE)

    assert sections == [rule["alert"] for rule in ALERTS]
    for rule in ALERTS:
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"


def test_compose_depends_on_services_that_exist() -> None:
    services = loaded("compose.yaml")["services"]

    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)


def test_compose_runs_the_five_services_and_each_has_a_module() -> None:
    commands = [s["command"][0] for s in loaded("compose.yaml")["services"].values() if "build" in s]

    assert sorted(commands) == [f"services.{n}" for n in ("audit", "console", "ingress", "policy", "sender")]
    for command in commands:
        assert Path(command.replace(".", "/"), "__main__.py").exists()


def test_compose_holds_no_secret() -> None:
    text = (DEPLOY / "compose.yaml").read_text("utf-8")

    for name in re.findall(r"^\s+(\w*(?:SECRET|TOKEN|KEY|PASS)\w*): (.+)$", text, re.MULTILINE):
        assert name[1].startswith("${"), name


def test_prometheus_scrapes_every_services_own_port() -> None:
    jobs = {job["job_name"]: job for job in loaded("prometheus/prometheus.yml")["scrape_configs"]}
    targets = {c["labels"]["service"]: c["targets"][0] for c in jobs["gateway"]["static_configs"]}

    assert targets == {
        name: f"{name}:{port}"
        for name, port in zip(("ingress", "policy", "sender", "audit", "console"), range(9101, 9106), strict=True)
    }


def test_the_image_runs_as_nobody_special() -> None:
    text = (DEPLOY / "Dockerfile").read_text("utf-8")

    assert re.search(r"^USER \d+:\d+$", text, re.MULTILINE)
