"""When Meta ends the versions of its Graph API."""

import re
from datetime import date
from pathlib import Path

import pytest

from libs.providers.cloud_api.api_versions import CURRENT, ENDS, end_of


@pytest.mark.parametrize(
    ("version", "end"),
    [
        pytest.param("v26.0", None, id="the current version has no end yet"),
        pytest.param("v25.0", date(2028, 7, 29), id="the default version"),
        pytest.param("v21.0", date(2027, 1, 21), id="a version that ends soon"),
        pytest.param("v20.0", date(2026, 9, 24), id="a version that has ended"),
        pytest.param("v3.2", date(2025, 9, 12), id="a version older than the table has ended too"),
        pytest.param("v99.0", None, id="a version newer than the table has no known end"),
    ],
)
def test_a_version_ends_on_the_day_that_meta_names(version: str, end: date | None) -> None:
    assert end_of(version) == end


def test_the_table_has_every_version_up_to_the_current_one_and_later_versions_end_later() -> None:
    assert list(ENDS) == list(range(min(ENDS), CURRENT))
    assert list(ENDS.values()) == sorted(ENDS.values())


def test_the_operators_page_names_the_same_days() -> None:
    page = Path("docs/cloud_api.md").read_text("utf-8")

    found = dict(re.findall(r"\| v(\d+)\.0 \| (?:ended on )?(\d+ \w+ \d{4}) ", page))

    assert found
    assert {number: ENDS[int(number)].strftime("%-d %B %Y") for number in found} == found
    assert f"v{CURRENT}.0 is the current one" in page


@pytest.mark.parametrize("text", ["", "25.0", "v25", "v25.0 ", "v٢٥.٠"])
def test_other_text_is_no_version(text: str) -> None:
    with pytest.raises(ValueError, match="not a Graph API version"):
        end_of(text)
