"""Writes the table of `docs/production.md` that compares the model with the measured runs.

`make bench` measures, keeps what it measured for the model, and writes the table. A test fails when they do not agree.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tools.capacity.comparison import Comparison, compare
from tools.capacity.measured_times import MEASURED

PAGE: Final = Path(__file__).parents[2] / "docs" / "production.md"
BEGIN, END = "  <!-- capacity: begin -->\n", "  <!-- capacity: end -->\n"
MESSAGES: Final = 2_000
"""Simulated for each latency: enough for a median."""


def table(results: Mapping[str, Any]) -> str:
    """The day of the measurement and the rows, as the page shows them."""
    return "".join(f"  {line}\n" if line else "\n" for line in _lines(results))


def keep(results: Mapping[str, Any]) -> None:
    """Keep the results of `python -m bench` for the model, and write the table."""
    MEASURED.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    head, rest = PAGE.read_text("utf-8").split(BEGIN)
    PAGE.write_text(head + BEGIN + table(results) + END + rest.partition(END)[2], "utf-8")


def _lines(results: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"Measured on {results['day']}, {results['cores']} cores:", "")
    yield from ("| what | measured | computed | ratio |", "|---|---|---|---|")
    for each in compare(results, messages=MESSAGES):
        name = each.name.removeprefix("gateway: ")
        yield f"| {name} | {_figure(each, each.measured)} | {_figure(each, each.computed)} | {each.ratio:.2f} |"


def _figure(each: Comparison, value: float) -> str:
    return f"{value:.0f}{each.unit}" if each.unit.startswith("/") else f"{value:.0f} {each.unit}"
