"""The transformation of rules that the fault table runs with."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chaos.alerts.scaling import (
    scaled_configuration,
    scaled_duration,
    scaled_expression,
    scaled_rules,
    seconds_of,
)

RULES = sorted(Path("deploy/prometheus/rules").glob("*.rules.yml"))


@pytest.mark.parametrize(
    ("duration", "seconds"), [("15s", 15.0), ("1m30s", 90.0), ("250ms", 0.25), ("2h", 7200.0), ("3d", 259_200.0)]
)
def test_a_duration_is_read_in_seconds(duration: str, seconds: float) -> None:
    assert seconds_of(duration) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "1.5h", "5x"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        seconds_of(text)


def test_a_duration_is_divided_and_never_becomes_nothing() -> None:
    assert scaled_duration("1m", 15) == "4000ms"
    assert scaled_duration("10ms", 15) == "1ms"
    assert scaled_duration("0s", 15) == "0ms"


@pytest.mark.parametrize(
    ("expression", "scaled"),
    [
        pytest.param("increase(x_total[15m]) > 0", "increase(x_total[60000ms]) > 0", id="a window"),
        pytest.param("x unless x offset 15m > 0", "x unless x offset 60000ms > 0", id="an offset"),
        pytest.param("max_over_time(x[1h:1m])", "max_over_time(x[240000ms:4000ms])", id="a subquery"),
        pytest.param('x{queue="retry.5s"}[5m]', 'x{queue="retry.5s"}[20000ms]', id="a string stays"),
        pytest.param("a:b:rate5m[5m]", "a:b:rate5m[20000ms]", id="a name stays"),
        pytest.param("time() - max(x_seconds) > 1800", "time() - max(x_seconds) > 120", id="an age"),
        pytest.param("x_seconds{a='b'} - time() < 90 * 86400", "x_seconds{a='b'} - time() < 518400", id="a product"),
        pytest.param("oldest_seconds > 30", "oldest_seconds > 2", id="a gauge in seconds"),
        pytest.param("a > 5 or time() - b_seconds > 60", "a > 5 or time() - b_seconds > 4", id="by clause"),
        pytest.param(
            "time() - max(b_seconds > 0) > 26 * 3600", "time() - max(b_seconds > 0) > 6240", id="after an inner one"
        ),
        pytest.param("a_seconds > 60 and b > 7", "a_seconds > 4 and b > 7", id="the next clause is for itself"),
        pytest.param("time() - x > 3 * max(y)", "time() - x > 3 * max(y)", id="a factor of another series"),
        pytest.param("a_duration_seconds:p99_5m > 2.5", "a_duration_seconds:p99_5m > 2.5", id="a latency"),
        pytest.param(
            "abs(a_seconds - timestamp(a_seconds)) > 30", "abs(a_seconds - timestamp(a_seconds)) > 30", id="clocks"
        ),
        pytest.param("sum(rate(x_seconds_bucket[5m])) > 5", "sum(rate(x_seconds_bucket[20000ms])) > 5", id="a rate"),
        pytest.param("a:ratio5m > 14.4 * 0.001", "a:ratio5m > 14.4 * 0.001", id="a ratio"),
    ],
)
def test_times_are_divided_and_other_numbers_stay(expression: str, scaled: str) -> None:
    assert scaled_expression(expression, 15) == scaled


def test_a_rule_file_is_scaled_in_all_its_parts() -> None:
    rule = {"alert": "A", "expr": "x[1m] > 0", "for": "5m", "keep_firing_for": "1m", "labels": {"severity": "page"}}
    rules = {"groups": [{"name": "g", "interval": "30s", "rules": [rule]}]}

    [group] = scaled_rules(rules, 10)["groups"]

    assert group["interval"] == "3000ms"
    assert group["rules"] == [rule | {"expr": "x[6000ms] > 0", "for": "30000ms", "keep_firing_for": "6000ms"}]


def test_the_configuration_is_scaled_and_a_scrape_may_take_the_interval() -> None:
    jobs = [{"job_name": "a"}, {"job_name": "b", "scrape_interval": "1m"}]
    shipped = {"global": {"scrape_interval": "15s", "evaluation_interval": "15s"}, "scrape_configs": jobs}

    scaled = scaled_configuration(shipped, 15)

    assert scaled["global"] == {
        "scrape_interval": "1000ms",
        "evaluation_interval": "1000ms",
        "scrape_timeout": "1000ms",
    }
    assert scaled["scrape_configs"] == [{"job_name": "a"}, {"job_name": "b", "scrape_interval": "4000ms"}]


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_factor_one_changes_no_meaning_and_no_shipped_duration_is_left(path: Path) -> None:
    shipped = yaml.safe_load(path.read_text("utf-8"))

    for rule, same, scaled in zip(
        *map(flat, (shipped, scaled_rules(shipped, 1), scaled_rules(shipped, 15))), strict=True
    ):
        windows = [seconds_of(each) for each in found(rule["expr"])]
        assert [seconds_of(each) for each in found(same["expr"])] == windows
        assert [seconds_of(each) * 15 for each in found(scaled["expr"])] == pytest.approx(windows, rel=0.01)
        if "for" in rule:
            assert seconds_of(scaled["for"]) * 15 == seconds_of(rule["for"])


def test_these_alerts_compare_a_time_with_a_number() -> None:
    """A rule that is missing here, or too many, is one whose number the transformation takes for something else."""
    scaled = {
        rule["alert"]
        for path in RULES
        for rule in flat(yaml.safe_load(path.read_text("utf-8")))
        if "alert" in rule and numbers(rule["expr"]) != numbers(scaled_expression(rule["expr"], 15))
    }

    assert scaled == {
        "GatewayApiVersionEnds",
        "GatewayApprovalsWaiting",
        "GatewayDeliveriesOld",
        "GatewayEventsOld",
        "GatewayJobStopped",
        "GatewayRecordNotCheckpointed",
        "GatewayRecordNotVerified",
    }


def numbers(expression: str) -> list[str]:
    """The numbers that something is compared with."""
    return re.findall(r"[<>=] *([\d.]+(?: \* [\d.]+)*)", re.sub(r'"[^"]*"', "", expression))


def flat(rules: dict[str, Any]) -> list[dict[str, Any]]:
    return [rule for group in rules["groups"] for rule in group["rules"]]


def found(expression: str) -> list[str]:
    """The durations in brackets and after `offset`, outside strings."""
    plain = re.sub(r'"[^"]*"', "", expression)
    return re.findall(r"\d+(?:ms|[smhdw])\b", " ".join(re.findall(r"\[[^\]]*\]|offset \S+", plain)))
