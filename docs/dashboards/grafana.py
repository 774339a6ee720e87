"""Turns rows of panels into the JSON of a Grafana dashboard."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

SOURCE: Final = {"type": "prometheus", "uid": "prometheus"}
COLUMNS: Final = 24
HEIGHT: Final = 8
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Panel:
    """A graph, or a single value: its title, unit and queries, each with the legend of its lines."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    type: str = "timeseries"
    description: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels side by side under a title; four fill the width."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard; `uid` is its permanent address in Grafana."""

    uid: str
    title: str
    rows: tuple[Row, ...]


def graph(title: str, unit: str, *queries: tuple[str, str], description: str = "") -> Panel:
    """A graph over time."""
    return Panel(title, unit, queries, description=description)


def value(title: str, unit: str, *queries: tuple[str, str], description: str = "") -> Panel:
    """The present value of each query."""
    return replace(graph(title, unit, *queries, description=description), type="stat")


def quantiles(title: str, histogram: str, *, by: str = "", matchers: str = "", unit: str = "s") -> Panel:
    """The median and the 99th percentile of a histogram, for each value of the label `by`."""
    labels, legend = (f"le, {by}", f"{{{{{by}}}}} ") if by else ("le", "")
    rate = f"sum by ({labels}) (rate({histogram}_bucket{matchers}[$__rate_interval]))"
    return graph(
        title,
        unit,
        (f"histogram_quantile(0.5, {rate})", f"{legend}p50"),
        (f"histogram_quantile(0.99, {rate})", f"{legend}p99"),
    )


def rates(title: str, counter: str, by: str, *, unit: str = "ops", matchers: str = "") -> Panel:
    """The rate of a counter for each value of its labels."""
    legend = " ".join(f"{{{{{label.strip()}}}}}" for label in by.split(","))
    return graph(title, unit, (f"sum by ({by}) (rate({counter}{matchers}[$__rate_interval]))", legend))


def total(title: str, counter: str) -> Panel:
    """How often something happened within an hour that should not happen at all."""
    return graph(title, "short", (f"sum(increase({counter}[1h]))", "in one hour"))


def json_from(dashboard: Dashboard) -> str:
    """The dashboard as Grafana imports it."""
    content = {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["gateway"],
        "timezone": "utc",
        "schemaVersion": 41,
        "version": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": []},
        "annotations": {"list": []},
        "links": [{"title": "Gateway", "type": "dashboards", "tags": ["gateway"], "keepTime": True}],
        "panels": _placed(dashboard.rows),
    }
    return json.dumps(content, indent=2)


def _placed(rows: Sequence[Row]) -> list[Json]:
    """The panels with their ids and places."""
    panels: list[Json] = []
    y = 0
    for row in rows:
        place = {"h": 1, "w": COLUMNS, "x": 0, "y": y}
        panels.append({"type": "row", "title": row.title, "gridPos": place, "collapsed": False, "panels": []})
        width = COLUMNS // min(4, len(row.panels))
        for index, panel in enumerate(row.panels):
            line, column = divmod(index, COLUMNS // width)
            at = {"h": HEIGHT, "w": width, "x": column * width, "y": y + 1 + line * HEIGHT}
            panels.append(_panel(panel) | {"gridPos": at})
        y += 1 + HEIGHT * -(-len(row.panels) // (COLUMNS // width))
    return [{"id": number} | panel for number, panel in enumerate(panels, 1)]


def _panel(panel: Panel) -> Json:
    return {
        "type": panel.type,
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "noValue": "none"}, "overrides": []},
        "options": {},
        "targets": [
            {"refId": chr(ord("A") + index), "datasource": SOURCE, "expr": expression, "legendFormat": legend}
            for index, (expression, legend) in enumerate(panel.queries)
        ],
    }
