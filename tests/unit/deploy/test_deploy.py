import re
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from libs.chassis.health import PROBE_TIMEOUT
from tools.broker.definitions import USERS, placeholder

DEPLOY = Path("deploy")


def loaded(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text("utf-8"))


def test_compose_depends_on_services_that_exist() -> None:
    services = loaded("compose.yaml")["services"]

    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)


def test_compose_runs_the_five_services_and_each_has_a_module() -> None:
    commands = [s["command"][0] for s in loaded("compose.yaml")["services"].values() if "build" in s]

    assert sorted(commands) == [f"services.{n}" for n in ("audit", "console", "ingress", "policy", "sender")] + [
        "tools.cli",
        "tools.cli",
    ]
    for command in commands:
        assert Path(command.replace(".", "/"), "__main__.py").exists()


def test_compose_gives_each_service_its_own_broker_user_and_declares_before_it_starts() -> None:
    services = loaded("compose.yaml")["services"]
    ours = {name: each["environment"] for name, each in services.items() if "build" in each}
    users = {name: environ["GATEWAY_AMQP_URL"] for name, environ in ours.items() if name != "migrate"}

    for name, url in users.items():
        assert url == f"amqp://{name}:${{GATEWAY_RABBITMQ_{name.upper()}_PASSWORD:?}}@rabbitmq:5672/"
        assert name == "declare" or services[name]["depends_on"]["declare"]["condition"].endswith("successfully")
    assert set(services["rabbitmq"]["environment"]) == {placeholder(user) for user in USERS}


def test_compose_migrates_the_services_store_before_they_start() -> None:
    services = {name: each for name, each in loaded("compose.yaml")["services"].items() if "build" in each}
    migrate = services.pop("migrate")
    started = {name: each for name, each in services.items() if name != "declare"}

    assert migrate["restart"] == "no"
    assert {each["environment"]["GATEWAY_STORE_URL"] for each in started.values()} == {
        migrate["environment"]["GATEWAY_STORE_URL"]
    }
    for each in started.values():
        assert each["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


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


def test_prometheus_scrapes_the_broker_s_alarms_and_each_of_its_queues() -> None:
    jobs = {job["job_name"]: job for job in loaded("prometheus/prometheus.yml")["scrape_configs"]}

    assert "metrics_path" not in jobs["rabbitmq"]  # /metrics/per-object has no alarms
    assert jobs["rabbitmq-queues"]["metrics_path"] == "/metrics/per-object"
    assert jobs["rabbitmq-queues"]["static_configs"] == jobs["rabbitmq"]["static_configs"]


def test_the_image_runs_as_nobody_special() -> None:
    text = (DEPLOY / "Dockerfile").read_text("utf-8")

    assert re.search(r"^USER \d+:\d+$", text, re.MULTILINE)


def test_compose_asks_each_service_whether_it_is_ready_on_its_own_port() -> None:
    services = loaded("compose.yaml")["services"]
    ports = {"ingress": 9101, "policy": 9102, "sender": 9103, "audit": 9104, "console": 9105}

    for name, port in ports.items():
        check = services[name]["healthcheck"]
        assert check["test"][-1] == str(port)
        assert int(check["timeout"].removesuffix("s")) > PROBE_TIMEOUT


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_health_check_of_compose_fails_for_a_service_that_is_not_ready(status: int, code: int) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

    program = loaded("compose.yaml")["services"]["ingress"]["healthcheck"]["test"][3]
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.handle_request, daemon=True).start()
        done = subprocess.run(
            [sys.executable, "-c", program, str(server.server_port)], check=False, capture_output=True
        )

    assert done.returncode == code
