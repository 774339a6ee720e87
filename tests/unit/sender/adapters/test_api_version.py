"""The report on the end of the configured API version: the gauge, and the warning at start."""

from dataclasses import replace
from datetime import date

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from libs.providers.provider import Provider
from libs.providers.registry import PROVIDERS
from services.sender.adapters.api_version import report_api_version

CLOUD_API = PROVIDERS["cloud_api"]
END = date(2027, 1, 21)


def ending(version: str, end: date | None) -> Provider:
    """A provider whose API version `version` ends at `end`."""
    return replace(CLOUD_API, api_end={version: end}.get)


def gauge(version: str) -> float | None:
    """The gauge of a version; None while it is absent."""
    labels = {"provider": "cloud_api", "version": version}
    return REGISTRY.get_sample_value("gateway_provider_api_version_end_timestamp_seconds", labels)


@pytest.mark.parametrize(
    ("today", "days_left"),
    [
        pytest.param(date(2026, 10, 23), None, id="90 days before the end: no warning"),
        pytest.param(date(2026, 10, 24), 89, id="89 days before the end"),
        pytest.param(date(2027, 1, 21), 0, id="on the day of the end"),
        pytest.param(date(2027, 2, 21), -31, id="after the end"),
    ],
)
def test_a_version_whose_end_is_near_is_logged_once(today: date, days_left: int | None) -> None:
    with capture_logs() as lines:
        report_api_version("v901.0", [ending("v901.0", END)], today=today)

    assert [line["days_left"] for line in lines] == ([] if days_left is None else [days_left])
    assert gauge("v901.0") == 1_800_489_600.0


def test_without_an_announced_end_there_is_neither_gauge_nor_warning() -> None:
    silent = replace(CLOUD_API, api_end=None)

    with capture_logs() as lines:
        report_api_version("v902.0", [ending("v902.0", None), silent], today=END)

    assert (lines, gauge("v902.0")) == ([], None)


def test_the_default_version_and_every_provider_of_the_registry_can_be_asked() -> None:
    with capture_logs() as lines:
        report_api_version("v25.0", PROVIDERS.values(), today=date(2026, 11, 28))

    assert lines == []
    assert gauge("v25.0") is not None
