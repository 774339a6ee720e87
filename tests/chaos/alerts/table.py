"""The fault table as text, as JSON lines, and as `docs/alerts.md`."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.chaos.alerts import runbook
from tests.chaos.alerts.catalogue import PARTS, measured
from tests.chaos.alerts.fault import LIMITS, Expected, Row
from tests.chaos.alerts.untried import UNTRIED
from tests.unit.deploy.rule_files import rules_by_file

PAGE = Path("docs/alerts.md")
FIGURES = Path("tests/chaos/alerts/figures")
SCALED, REAL = FIGURES / "scaled.jsonl", FIGURES / "real.jsonl"
"""The rows of the runs that the page shows."""
HEAD = """# Alerts

<!-- Written by `python -m tests.chaos.alerts page` from rows in tests/chaos/alerts/figures. Do not edit. -->

Every alert of `deploy/prometheus/rules`, and what was measured: each fault was caused in a gateway under traffic,
watched by a real Prometheus with the shipped rules, and mended. A **page** has to come within 120 s of the first event,
a **ticket** within 15 minutes. Each alert leads to its section of the [runbook](runbook/README.md).
"""
INTRODUCTION = """## Faults

Seconds from the fault to the alert, and from the mend to the alert's end.

- **÷ {factor}**: all durations of rules, scrapes and jobs divided by {factor}, so that a page has {pages} and a ticket
  {tickets}. What gateway and machine take themselves is not divided, and is allowed for by 16 s.
- **real**: the rules as shipped, with a scrape every 15 s. `–`: not measured in this form.

The rows were made by `python -m tests.chaos.alerts run --factor {factor} --part PART --out FILE` for the parts
{parts}, and by the same with `--factor 1`, on two cores that were busy some of the time. `make chaos`
runs the divided table again and fails when a cell is empty or late, or when another alert fires.

What ends an alert is the mend and the window that its rule looks back over, 15 minutes mostly. `window`: that window
alone ends it, for which the run did not wait; promtool shows it. The alerts without a fault have the reason in the
[list of all](#all-alerts).

| fault | alert | | fired ÷ | ended ÷ | fired real | ended real |
|---|---|---|---|---|---|---|"""
FAULTS = [fault for groups in PARTS.values() for group in groups for fault in group]
Measured = Mapping[tuple[str, str], Row]


def printed(rows: Iterable[Row]) -> list[str]:
    """The lines of a table for a terminal."""
    rows = list(rows)
    lines = [
        f"{row.fault:38} {row.alert:52} {row.severity:7} {_seconds(row.fired_after):>8} {_seconds(row.ended_after):>8}"
        f"  {'' if row.holds else 'FAILS '}{' '.join(row.false)}"
        for row in rows
    ]
    return [*lines, *(fault for row in rows for fault in row.otherwise)]


def written(rows: Iterable[Row], path: Path) -> None:
    """Add rows to a file of JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(asdict(row)) + "\n" for row in rows)


def read(path: Path) -> list[Row]:
    """The rows of such a file."""
    return [_row(json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def page(scaled: Sequence[Row], real: Sequence[Row]) -> str:
    """The text of `docs/alerts.md`. Of several rows of an alert, the last one that holds counts, else the last."""
    return "\n".join([HEAD, _faults(_by_alert(scaled), _by_alert(real), scaled[0].factor), _alerts()])


def _by_alert(rows: Iterable[Row]) -> Measured:
    return {
        (row.fault, row.alert): row
        for row in sorted(rows, key=lambda row: (row.holds, row.in_time, row.fired_after is not None))
    }


def _faults(scaled: Measured, real: Measured, factor: float) -> str:
    pages, tickets = (f"{LIMITS[severity] / factor:g} s" for severity in ("page", "ticket"))
    parts = ", ".join(f"`{part}`" for part in PARTS)
    lines = [INTRODUCTION.format(factor=f"{factor:g}", pages=pages, tickets=tickets, parts=parts)]
    for fault in FAULTS:
        for expected in (*fault.expected, *fault.lasting):
            key = (fault.name, str(expected))
            shown = fault.name if expected is (*fault.expected, *fault.lasting)[0] else ""
            lines.append(_line(shown, expected, scaled.get(key), real.get(key)))
    return "\n".join([*lines, ""])


def _line(shown: str, expected: Expected, scaled: Row | None, real: Row | None) -> str:
    labels = str(expected).removeprefix(expected.alert)
    severity = next((row.severity for row in (scaled, real) if row is not None), "–")
    cells = [cell for row in (scaled, real) for cell in _cells(row)]
    return f"| {shown} | [{expected.alert}]({_section(expected.alert)}){labels} | {severity} | {' | '.join(cells)} |"


def _cells(row: Row | None) -> tuple[str, str]:
    if row is None:
        return "–", "–"
    return _seconds(row.fired_after), "window" if row.lasts else _seconds(row.ended_after)


def _alerts() -> str:
    """Every alert with its meaning, and how it was tried."""
    meanings = {name: " ".join(parts["Meaning"].split()) for name, parts in runbook.sections().items()}
    lines = ["## All alerts", "", "| alert | | waits | meaning | tried |", "|---|---|---|---|---|"]
    for rule in (rule for rules in rules_by_file().values() for rule in rules if "alert" in rule):
        name, severity, waits = rule["alert"], rule["labels"]["severity"], rule.get("for", "–")
        tried = "by fault and promtool" if name in measured() else f"by promtool. {UNTRIED[name]}"
        lines.append(f"| [{name}]({_section(name)}) | {severity} | {waits} | {meanings[name]} | {tried} |")
    return "\n".join([*lines, ""])


def _section(name: str) -> str:
    [stem] = [stem for stem, rules in rules_by_file().items() if name in {rule.get("alert") for rule in rules}]
    return f"runbook/{stem}.md#{name.lower()}"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _row(entry: dict[str, Any]) -> Row:
    return Row(**{**entry, "beside": tuple(entry["beside"]), "false": tuple(entry["false"]), "otherwise": ()})
