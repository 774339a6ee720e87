"""The rules and dashboards as they are in `deploy`, and the catalogue of the series that they may ask for."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from tests.unit.deploy.expressions import Catalogue
from tests.unit.deploy.metrics_in_code import metrics_in_code

DEPLOY: Final = Path("deploy")
RULES: Final = DEPLOY / "prometheus" / "rules"
DASHBOARDS: Final = DEPLOY / "grafana" / "dashboards"
_OUTER_GROUPING: Final = re.compile(r"\bsum by \(([^)]*)\)|\b(?:max|min) by \(([^)]*)\)")


@cache
def rules_by_file() -> Mapping[str, list[dict[str, Any]]]:
    """The rules of each file, by the stem of its name; read once, since YAML takes its time."""
    return {
        path.name.removesuffix(".rules.yml"): [
            rule for group in yaml.safe_load(path.read_text("utf-8"))["groups"] for rule in group["rules"]
        ]
        for path in sorted(RULES.glob("*.rules.yml"))
    }


def alerts() -> list[dict[str, Any]]:
    """Every alert."""
    return [rule for rules in rules_by_file().values() for rule in rules if "alert" in rule]


def recordings() -> list[dict[str, Any]]:
    """Every recording rule."""
    return [rule for rules in rules_by_file().values() for rule in rules if "record" in rule]


def loaded_dashboards() -> Mapping[str, dict[str, Any]]:
    """Each dashboard by the name of its file."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(DASHBOARDS.glob("*.json"))}


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every panel with the name of its dashboard's file."""
    return ((name, panel) for name, dashboard in loaded_dashboards().items() for panel in dashboard["panels"])


def panel_queries() -> Iterator[tuple[str, str, str]]:
    """Every query of every panel: dashboard, title of the panel, expression."""
    for dashboard, panel in panels():
        for target in panel.get("targets", []):
            yield dashboard, panel["title"], target["expr"]


@cache
def catalogue() -> Catalogue:
    """The series that exist."""
    recorded = {rule["record"]: _labels_of(rule["expr"]) for rule in recordings()}
    return Catalogue(metrics_in_code(), recorded)


def _labels_of(expression: str) -> frozenset[str]:
    """The labels of a recorded series: those that its first aggregation keeps, without a histogram's `le`."""
    found = _OUTER_GROUPING.search(expression)
    kept = "" if found is None else found[1] or found[2]
    return frozenset(label.strip() for label in kept.split(",")) - {"le", ""}
