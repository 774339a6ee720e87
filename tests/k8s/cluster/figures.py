"""The figures of the scenarios: printed as a table at the end of a run, and put into docs/kubernetes.md by a command.

`python -m tests.k8s.cluster.figures` writes those of the last run between the two marks of that page.
"""

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FILE = Path(os.environ.get("GATEWAY_KUBERNETES_FIGURES", "var/kubernetes-figures.jsonl"))
PAGE = Path("docs/kubernetes.md")
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
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


def table(rows: Iterable[Row]) -> list[str]:
    """The lines of the table."""
    return [HEAD, f"|---|{'---:|' * (HEAD.count('|') - 2)}", *map(str, rows)]


def with_table(page: str, rows: Iterable[Row]) -> str:
    """The page with this table between its marks. Raises ValueError when the marks are missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE} lacks {BEGIN} or {END}")
    return "\n".join([before + BEGIN, *table(rows), END + after])


def main() -> int:
    """Exit 1 when no run has left figures."""
    rows = kept()
    if not rows:
        sys.stderr.write(f"{FILE} is empty: run make k8s-test\n")
        return 1
    PAGE.write_text(with_table(PAGE.read_text("utf-8"), rows), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
