"""Writes the link to its runbook section into each alert rule: `runbook_url`, absolute, so that a phone can open it.

The runbook has a page for each file of rules. The address of its folder stands in `deploy/prometheus/runbook.url`
alone; set it to where your operators read.
"""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

PROMETHEUS = Path(__file__).parent.parent / "deploy" / "prometheus"
_ALERT = re.compile(r"^ +- alert: (\w+)$")
_SUMMARY = re.compile(r"^( +)summary: ")
_LINK = re.compile(r"^ +runbook_url: ")
_EXPECTED = re.compile(r"(runbook_url: )\S*/([\w-]+\.md#\w+)")


def rule_files() -> list[Path]:
    """The files of rules, in the order in which Prometheus reads them."""
    return sorted((PROMETHEUS / "rules").glob("*.rules.yml"))


def test_files() -> list[Path]:
    """The files of promtool's tests, which expect the links."""
    return sorted((PROMETHEUS / "tests").glob("*.test.yml"))


def runbook_base() -> str:
    """The address of the runbook's folder."""
    return (PROMETHEUS / "runbook.url").read_text("utf-8").strip()


def with_links(rules: str, page: str) -> str:
    """A file of rules in which each alert's summary is followed by the link to its section of the page."""
    lines, alert = [], ""
    for line in rules.splitlines():
        if _LINK.match(line):
            continue
        lines.append(line)
        if found := _ALERT.match(line):
            alert = found[1]
        if found := _SUMMARY.match(line):
            lines.append(f"{found[1]}runbook_url: {page}#{alert.lower()}")
    return "\n".join(lines)


def _linked(path: Path) -> str:
    page = f"{runbook_base()}/{path.name.removesuffix('.rules.yml')}.md"
    return with_links(path.read_text("utf-8"), page)


def _linked_test(path: Path) -> str:
    return _EXPECTED.sub(rf"\g<1>{runbook_base()}/\g<2>", path.read_text("utf-8"))


def linked_files() -> dict[str, Callable[[], str]]:
    """The files with links by their path below `docs`, and the functions that build them."""
    return {
        **{f"../deploy/prometheus/rules/{path.name}": partial(_linked, path) for path in rule_files()},
        **{f"../deploy/prometheus/tests/{path.name}": partial(_linked_test, path) for path in test_files()},
    }
