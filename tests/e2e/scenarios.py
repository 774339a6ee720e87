"""Scenario results: one JSON line with seed, figures and verdict for each scenario."""

import json
import os
from pathlib import Path
from typing import Any

FILE = Path(os.environ.get("GATEWAY_SCENARIOS", "var/scenarios.jsonl"))
"""The file of the lines; each test run starts with an empty one."""


def reset() -> None:
    """Delete the lines of an earlier run."""
    FILE.unlink(missing_ok=True)


def report(scenario: str, *, passed: bool, seed: int | None = None, **figures: Any) -> None:
    """Write a scenario's line; the summary of the run prints the lines of all processes."""
    line = json.dumps({"scenario": scenario, "seed": seed, "figures": figures, "pass": passed})
    FILE.parent.mkdir(parents=True, exist_ok=True)
    with FILE.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def did_not_run(scenario: str, why: str) -> None:
    """Write that a scenario did not run here, so that nobody takes its silence for success."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    with FILE.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"scenario": scenario, "did_not_run": why}) + "\n")


def reported_lines() -> list[str]:
    """The lines of this run."""
    return FILE.read_text("utf-8").splitlines() if FILE.exists() else []
