"""The queries of the shipped dashboards, asked of a running Prometheus."""

import re
import time

from tests.chaos.alerts.prometheus import Prometheus
from tests.chaos.alerts.scaling import scaled_expression
from tests.unit.deploy.rule_files import panel_queries

RANGE = "5m"
"""What Grafana puts in place of its variables of time."""
_TIME = re.compile(r"\$(?:__rate_interval|__interval|__range|interval)\b|\$\{(?:__rate_interval|__interval|__range)\}")
_CHOICE = re.compile(r"\$\{?\w+(?::\w+)?\}?")


async def without_data(prometheus: Prometheus, since: float) -> list[tuple[str, str, str]]:
    """The queries that gave nothing in all the time since then: dashboard, panel, expression."""
    return [query for query in panel_queries() if not await _has_data(prometheus, query[2], since)]


async def _has_data(prometheus: Prometheus, expression: str, since: float) -> bool:
    plain = _CHOICE.sub(".*", _TIME.sub(RANGE, expression))
    return bool(await prometheus.query_range(scaled_expression(plain, prometheus.factor), since, time.time()))
