"""The alerts on Jobs and rollouts fire for the gateway's own objects, and for nobody else's of the same name."""

import re
import subprocess
from pathlib import Path

import yaml

from docs.prometheus_rule import KUBERNETES, kubernetes_rule

UP = {"series": 'up{job="gateway", namespace="ours", service="audit"}', "values": "1x10"}


def case(series: str, alertname: str, *, fires: bool, **labels: str) -> dict[str, object]:
    summaries = {
        "GatewayJobFailed": f"The Job {labels.get('job_name')} has failed and is not tried again",
        "GatewayRolloutStopped": f"A release of {labels.get('deployment')} does not become ready; "
        "the one before goes on",
    }
    found = {"exp_labels": {"severity": "ticket", **labels}, "exp_annotations": {"summary": summaries[alertname]}}
    return {
        "interval": "15s",
        "input_series": [UP, {"series": series, "values": "_x2 1x10"}],
        "alert_rule_test": [{"eval_time": "2m", "alertname": alertname, "exp_alerts": [found] if fires else []}],
    }


CASES = [
    case(
        'kube_job_failed{namespace="ours", job_name="migrate", condition="true"}',
        "GatewayJobFailed",
        fires=True,
        job_name="migrate",
    ),
    case(
        'kube_job_failed{namespace="ours", job_name="backup-29912345", condition="true"}',
        "GatewayJobFailed",
        fires=True,
        job_name="backup-29912345",
    ),
    case('kube_job_failed{namespace="theirs", job_name="migrate", condition="true"}', "GatewayJobFailed", fires=False),
    case('kube_job_failed{namespace="ours", job_name="backup", condition="true"}', "GatewayJobFailed", fires=False),
    case('kube_job_failed{namespace="ours", job_name="declare", condition="false"}', "GatewayJobFailed", fires=False),
    case(
        'kube_deployment_status_condition{namespace="ours", deployment="policy", condition="Progressing", '
        'status="false"}',
        "GatewayRolloutStopped",
        fires=True,
        deployment="policy",
    ),
    case(
        'kube_deployment_status_condition{namespace="theirs", deployment="policy", condition="Progressing", '
        'status="false"}',
        "GatewayRolloutStopped",
        fires=False,
    ),
    case(
        'kube_deployment_status_condition{namespace="ours", deployment="policy", condition="Available", '
        'status="false"}',
        "GatewayRolloutStopped",
        fires=False,
    ),
]


def test_the_alerts_fire_for_our_objects_and_for_no_others(tmp_path: Path) -> None:
    promtool = subprocess.run(["tools/find-promtool"], capture_output=True, text=True, check=True).stdout.strip()
    (tmp_path / "tests.yml").write_text(yaml.safe_dump({"rule_files": [str(KUBERNETES.resolve())], "tests": CASES}))

    done = subprocess.run(
        [promtool, "test", "rules", tmp_path / "tests.yml"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_links_to_its_section_of_the_guide() -> None:
    guide = Path("docs/kubernetes.md").read_text("utf-8")
    links = re.findall(r"runbook_url: https://\S+/docs/kubernetes\.md#(\w+)$", kubernetes_rule(), re.MULTILINE)

    assert sorted(links) == sorted(name.lower() for name in re.findall(r"^### (Gateway\w+)$", guide, re.MULTILINE))
    assert len(links) == 2
