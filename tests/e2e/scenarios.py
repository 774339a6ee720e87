"""One JSON line for each scenario: what was done with which chance, the figures, and whether it passed."""

import json
import os
from pathlib import Path
from typing import Any

FILE = Path(os.environ.get("GATEWAY_SCENARIOS", "var/scenarios.jsonl"))
"""Where the lines are kept; a run of the tests begins it anew."""


def begin() -> None:
    """Forget the lines of an earlier run."""
    FILE.unlink(missing_ok=True)


def tell(scenario: str, *, passed: bool, seed: int | None = None, **figures: Any) -> None:
    """Write a scenario's line; the run's summary prints all of them, whichever process wrote them."""
    line = json.dumps({"scenario": scenario, "seed": seed, "figures": figures, "pass": passed})
    FILE.parent.mkdir(parents=True, exist_ok=True)
    with FILE.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def told() -> list[str]:
    """The lines of this run."""
    return FILE.read_text("utf-8").splitlines() if FILE.exists() else []
