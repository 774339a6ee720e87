"""The figures of the scenarios: printed at the end of a run, and put into docs/broker-cluster.md by a command.

`python -m tests.cluster.figures` writes those of the last run between the two marks of that page.
"""

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = Path(os.environ.get("GATEWAY_CLUSTER_FIGURES", "var/cluster-figures.jsonl"))
PAGE = Path("docs/broker-cluster.md")
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
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


def forget() -> None:
    """Begin anew."""
    FILE.unlink(missing_ok=True)


def keep(row: Row) -> None:
    """Add a scenario of this run."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    with FILE.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(row)) + "\n")


def kept() -> list[Row]:
    """The scenarios of the last run."""
    lines = FILE.read_text("utf-8").splitlines() if FILE.exists() else []
    return [Row(**json.loads(line)) for line in lines]


def table(rows: Iterable[Row]) -> str:
    """The scenarios as a table of Markdown."""
    columns = HEAD.count("|") - 1
    return "\n".join([HEAD, "|---" * columns + "|", *map(str, rows)])


def with_figures(page: str, rows: Iterable[Row]) -> str:
    """The page with the rows between its marks. Raises ValueError when it has none."""
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE} has no {BEGIN} … {END}")
    return f"{head}{BEGIN}\n{table(rows)}\n{END}{tail}"


if __name__ == "__main__":
    if not (found := kept()):
        sys.exit(f"{FILE} does not exist: run `make cluster-test` first")
    PAGE.write_text(with_figures(PAGE.read_text("utf-8"), found), "utf-8")
