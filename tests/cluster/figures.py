"""The figures of the scenarios: printed at the end of a run, and put into docs/broker-cluster.md by a command.

`python -m tests.cluster.figures` writes those of the last run between the two marks of that page.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.figures import Figures

HEAD = "| what happens | RabbitMQ | sent | asked again | `pending` | unknown | lost | twice | disturbed, s | most, s |"


@dataclass(frozen=True, slots=True)
class Row:
    """One scenario."""

    scenario: str
    version: str
    messages: int
    refused: int
    pending: int
    unknown: int
    lost: int
    twice: int
    disturbed_s: float
    slowest_s: float

    def __str__(self) -> str:
        counts = (self.messages, self.refused, self.pending, self.unknown, self.lost, self.twice)
        times = (f"{self.disturbed_s:.1f}", f"{self.slowest_s:.1f}")
        return f"| {' | '.join(map(str, (self.scenario, self.version, *counts, *times)))} |"


FIGURES = Figures(
    Row,
    HEAD,
    Path(os.environ.get("GATEWAY_CLUSTER_FIGURES", "var/cluster-figures.jsonl")),
    Path("docs/broker-cluster.md"),
)

if __name__ == "__main__":
    sys.exit(FIGURES.write("make cluster-test"))
