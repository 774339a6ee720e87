"""A service whose trace collector is away: it goes on, counts what it drops, says so once, and stops in time."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tools.stack.ports import free_port

ROOT = Path(__file__).parents[3]
SERVICE = """
import sys
from prometheus_client import REGISTRY
from libs.chassis.span_export import configure_tracing, shutdown_tracing
from libs.chassis.spans import span
from libs.chassis.telemetry import configure_logging

configure_logging("policy", "policy-1")
configure_tracing("policy", "policy-1", endpoint=sys.argv[1], ratio=1.0)
for _ in range(int(sys.argv[2])):
    with span("step"):
        pass
shutdown_tracing()
sys.stderr.write(str(REGISTRY.get_sample_value("gateway_spans_dropped_total")))
"""


def test_every_dropped_span_is_counted_and_one_line_tells_it_without_the_address() -> None:
    url = f"http://127.0.0.1:{free_port()}"

    ended = subprocess.run(
        [sys.executable, "-c", SERVICE, url, "5000"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [line["event"] for line in lines] == ["spans dropped: the trace collector does not take them"]
    assert float(ended.stderr) == 5000
    assert url not in ended.stdout
