"""Ratios of the benchmark compare what was measured in turn, and the page shows both."""

from pathlib import Path

import pytest

from bench import page
from bench.costs import Cost
from bench.results import CEILING, FULL, GATEWAY, Results, closed
from bench.timing import Timing


def at(rate: int) -> Timing:
    return Timing(count=rate, failed=0, seconds=1.0, p50=0.1, p99=0.2)


def cost(peak: float, file: float) -> list[Cost]:
    return [Cost("policy-1", cpu_us=1000.0, rss_mb=90.0, peak_mb=peak, file_mb=file)]


@pytest.fixture
def results() -> Results:
    """A machine that is three times as fast when the settings are measured as when the ceiling was."""
    found = Results()
    for in_flight in (1, 64, 512):
        found.add(CEILING, closed(in_flight), at(200), cost(60.0, 20.0))
        found.add(GATEWAY, closed(in_flight), at(100), cost(110.0, 20.0))
    for alone, full in ((300, 285), (600, 540), (200, 196)):
        found.add_beside(FULL, closed(64), at(alone), cost(110.0, 20.0))
        found.add(FULL, closed(64), at(full), cost(124.0, 24.0))
    return found


def test_a_setting_is_compared_with_the_gateway_in_the_same_round(results: Results) -> None:
    assert results.ratios()[f"throughput ratio, {FULL}"] == pytest.approx(0.95)
    assert results.ratios()["throughput ratio, 64 in flight"] == pytest.approx(0.5)


def test_the_page_shows_both_and_the_memory_without_pages_of_files(
    results: Results, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(page, "PAGE", tmp_path / "performance.md")

    page.write(results.as_json(), rounds=3, jasmin="no")

    written = page.PAGE.read_text("utf-8")
    assert "| full store | 64 in flight | 285 |" in written
    assert "| gateway, in turn | 64 in flight | 300 |" in written
    assert "| full store | policy-1 | 124 | 100 |" in written


def test_a_service_that_holds_too_much_is_named_in_whatever_setting(results: Results) -> None:
    assert page.services_above(results.as_json()) == [f"policy-1, {FULL}: 124 MB"]
