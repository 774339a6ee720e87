"""The figures of the scenarios: printed as a table at the end of a run, and put into docs/kubernetes.md by a command.

`python -m tests.k8s.cluster.figures` writes those of the last run between the two marks of that page.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.figures import Figures

HEAD = "| what happens | messages | failed | answered later | lost | twice | p50 s | p99 s | took s |"


@dataclass(frozen=True, slots=True)
class Row:
    """One scenario."""

    scenario: str
    messages: int
    failed: int
    pending: int
    lost: int
    twice: int
    p50_s: float
    p99_s: float
    seconds: float

    @classmethod
    def of(cls, scenario: str, traffic: dict[str, Any], ledger: dict[str, Any]) -> "Row":
        """What the callers saw, and what the ledger check found."""
        return cls(scenario, lost=ledger["lost"], twice=ledger["twice"], **traffic)

    def __str__(self) -> str:
        cells = (self.scenario, self.messages, self.failed, self.pending, self.lost, self.twice)
        times = (f"{self.p50_s:.2f}", f"{self.p99_s:.2f}", f"{self.seconds:.0f}")
        return f"| {' | '.join(map(str, (*cells, *times)))} |"


FIGURES = Figures(
    Row,
    HEAD,
    Path(os.environ.get("GATEWAY_KUBERNETES_FIGURES", "var/kubernetes-figures.jsonl")),
    Path("docs/kubernetes.md"),
)

if __name__ == "__main__":
    sys.exit(FIGURES.write("make k8s-test"))
