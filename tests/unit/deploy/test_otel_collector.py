"""The example of a collector keeps what the page about traces says, and listens where the services export to."""

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]


@pytest.fixture
def collector() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "otel-collector.yaml").read_text("utf-8"))
    return read


def test_errors_and_slow_traces_are_kept_and_a_twentieth_of_the_rest(collector: dict[str, Any]) -> None:
    policies = {policy["type"]: policy for policy in collector["processors"]["tail_sampling"]["policies"]}

    assert policies["status_code"]["status_code"]["status_codes"] == ["ERROR"]
    assert policies["latency"]["latency"]["threshold_ms"] == 2000
    assert policies["probabilistic"]["probabilistic"]["sampling_percentage"] == 5


def test_every_part_of_the_pipeline_is_defined(collector: dict[str, Any]) -> None:
    pipeline = collector["service"]["pipelines"]["traces"]

    for part in ("receivers", "processors", "exporters"):
        assert set(pipeline[part]) == set(collector[part])
    assert pipeline["processors"].index("tail_sampling") < pipeline["processors"].index("batch")
    assert collector["receivers"]["otlp"]["protocols"]["http"]["endpoint"].endswith(":4318")
