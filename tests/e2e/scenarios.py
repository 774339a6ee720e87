"""One JSON line for each scenario: what was done with which chance, the figures, and whether it passed."""

import json
import os
from pathlib import Path
from typing import Any

FILE = Path(os.environ.get("GATEWAY_SCENARIOS", "var/scenarios.jsonl"))
"""Where the lines are kept; a run of the tests begins it anew."""
LINES: list[str] = []


def tell(scenario: str, *, passed: bool, seed: int | None = None, **figures: Any) -> None:
    """Write a scenario's line; the run's summary prints all of them."""
    line = json.dumps({"scenario": scenario, "seed": seed, "figures": figures, "pass": passed})
    if not LINES:
        FILE.parent.mkdir(parents=True, exist_ok=True)
        FILE.write_text("", "utf-8")
    LINES.append(line)
    with FILE.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
