"""Scales the time of Prometheus' configuration and rules by one factor, so that half an hour passes in two minutes.

Durations (`5m`) are scaled wherever they stand, and numbers that an age in seconds is compared with. Rates, ratios and
counts stay: they have no time in them, or only that of their window.
"""

import re
from collections.abc import Mapping
from typing import Any

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "y": 31_536_000_000}
"""Milliseconds: https://prometheus.io/docs/prometheus/2.42/querying/basics/#time-durations."""
_PART = r"\d+(?:ms|[smhdwy])"
_DURATION = re.compile(rf"\b(?:{_PART})+\b")
_STRING = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)""")
_WINDOW = re.compile(r"\[[^\]]*\]")
_OFFSET = re.compile(rf"\boffset\s+-?(?:{_PART})+")
_COMPARED = re.compile(r"(?P<sign>[<>=!]=|[<>])\s*(?P<number>\d[\d.]*(?:\s*\*\s*\d[\d.]*)*)(?![\w.:]|\s*\*)")
_CLAUSE = re.compile(r"\b(?:and|or|unless)\b")
_AGE = re.compile(r"\btime\(\)|\b\w+_seconds\b(?!:)")
"""What makes the left side of a comparison an age: a time of day minus another one, or a gauge in seconds.

A recorded quantile (`gateway:event_age_seconds:p99_5m`) is a latency: how fast the gateway works is not scaled."""
_CLOCKS = re.compile(r"\btimestamp\(")
"""The difference of two clocks is no time that passes."""
_OF_CONFIGURATION = ("scrape_interval", "scrape_timeout", "evaluation_interval")


def seconds_of(duration: str) -> float:
    """The seconds of a duration, such as 90.0 for `1m30s`. Raises ValueError for anything else."""
    if not _DURATION.fullmatch(duration):
        raise ValueError(f"{duration!r} is no duration")
    parts = re.findall(r"(\d+)(ms|[smhdwy])", duration)
    return sum(int(number) * _UNITS[unit] for number, unit in parts) / 1000


def scaled_duration(duration: str, factor: float) -> str:
    """The duration divided by the factor, in whole milliseconds, never zero unless it was."""
    milliseconds = seconds_of(duration) * 1000 / factor
    return f"{max(1, round(milliseconds)) if milliseconds else 0}ms"


def scaled_expression(expression: str, factor: float) -> str:
    """A PromQL expression whose windows, offsets and ages are divided by the factor. Strings stay as they are."""
    pieces = _STRING.split(expression)
    plain = [_scaled_windows(piece, factor) if index % 2 == 0 else piece for index, piece in enumerate(pieces)]
    return _scaled_ages("".join(plain), factor)


def scaled_rules(rules: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """A rule file with every duration divided by the factor."""
    return {"groups": [_scaled_group(group, factor) for group in rules["groups"]]}


def scaled_configuration(configuration: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """Prometheus' configuration with every interval divided by the factor.

    A scrape may take the whole interval: a tenth of a second more is nothing in production and much in a scaled run.
    """
    settings = _scaled_intervals(configuration.get("global", {}), factor)
    if "scrape_interval" in settings:
        settings["scrape_timeout"] = settings["scrape_interval"]
    jobs = [_scaled_intervals(job, factor) for job in configuration["scrape_configs"]]
    return {**configuration, "global": settings, "scrape_configs": jobs}


def _scaled_intervals(settings: Mapping[str, Any], factor: float) -> dict[str, Any]:
    scaled = {name: scaled_duration(settings[name], factor) for name in _OF_CONFIGURATION if name in settings}
    return {**settings, **scaled}


def _scaled_group(group: Mapping[str, Any], factor: float) -> dict[str, Any]:
    interval = {"interval": scaled_duration(group["interval"], factor)} if "interval" in group else {}
    return {**group, **interval, "rules": [_scaled_rule(rule, factor) for rule in group["rules"]]}


def _scaled_rule(rule: Mapping[str, Any], factor: float) -> dict[str, Any]:
    durations = {name: scaled_duration(rule[name], factor) for name in ("for", "keep_firing_for") if name in rule}
    return {**rule, **durations, "expr": scaled_expression(rule["expr"], factor)}


def _scaled_windows(text: str, factor: float) -> str:
    def scaled(found: re.Match[str]) -> str:
        return _DURATION.sub(lambda duration: scaled_duration(duration[0], factor), found[0])

    return _OFFSET.sub(scaled, _WINDOW.sub(scaled, text))


def _scaled_ages(text: str, factor: float) -> str:
    """Scale a number when what stands before it, in its own clause, is an age."""
    result, end = [], 0
    for found in _COMPARED.finditer(text):
        result.append(text[end : found.start()])
        clause = _CLAUSE.split(_STRING.sub("", text[: found.start()]))[-1]
        result.append(_scaled_comparison(found, factor) if _is_age(clause) else found[0])
        end = found.end()
    return "".join([*result, text[end:]])


def _is_age(clause: str) -> bool:
    return _AGE.search(clause) is not None and _CLOCKS.search(clause) is None


def _scaled_comparison(found: re.Match[str], factor: float) -> str:
    number = 1.0
    for part in found["number"].split("*"):
        number *= float(part)
    return f"{found['sign']} {number / factor:g}"
