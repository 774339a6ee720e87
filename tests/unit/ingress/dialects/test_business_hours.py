"""Business hours: what the console accepts as a calendar, and when an integration is open by it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from services.console.domain.business_hours import BusinessHours
from services.ingress.domain.dialects.business_hours import is_open

RIYADH: dict[str, Any] = {
    "zone": "Asia/Riyadh",
    "weekly": {
        "sunday": [{"opens": "08:00", "closes": "12:00"}, {"opens": "13:00", "closes": "24:00"}],
        "monday": [{"opens": "00:00", "closes": "02:00"}],
    },
    "holidays": ["2026-12-06"],
}


@pytest.mark.parametrize(
    ("utc", "opened"),
    [
        pytest.param("2026-11-29T04:59:59", False, id="a second before it opens"),
        pytest.param("2026-11-29T05:00:00", True, id="when it opens, 08:00 in Riyadh"),
        pytest.param("2026-11-29T09:00:00", False, id="when it closes: the end does not count"),
        pytest.param("2026-11-29T20:59:59", True, id="the last second before 24:00"),
        pytest.param("2026-11-29T21:00:00", True, id="Monday in Riyadh, still Sunday in UTC"),
        pytest.param("2026-11-29T23:00:00", False, id="after Monday's hours"),
        pytest.param("2026-12-01T09:00:00", False, id="a day that is not named"),
        pytest.param("2026-12-06T09:00:00", False, id="a holiday"),
        pytest.param("2026-12-05T21:30:00", False, id="a holiday in Riyadh, the day before it in UTC"),
    ],
)
def test_the_calendar_counts_in_its_own_zone(utc: str, *, opened: bool) -> None:
    BusinessHours.model_validate_json(json.dumps(RIYADH))

    assert is_open(RIYADH, datetime.fromisoformat(utc).replace(tzinfo=UTC)) is opened


@pytest.mark.parametrize(("utc", "opened"), [("2026-03-27T08:30:00", True), ("2026-03-30T07:30:00", True)])
def test_summer_time_moves_the_hours(utc: str, *, opened: bool) -> None:
    weekly = {day: [{"opens": "09:00", "closes": "10:00"}] for day in ("friday", "monday")}

    assert is_open({"zone": "Europe/Berlin", "weekly": weekly}, datetime.fromisoformat(utc + "+00:00")) is opened


@pytest.mark.parametrize(
    ("hours", "opened"),
    [
        pytest.param({}, True, id="no calendar"),
        pytest.param({"zone": "Asia/Riyadh"}, True, id="no week"),
        pytest.param({"zone": "Nowhere/Town", "weekly": {}}, True, id="an unknown zone"),
        pytest.param({"zone": "", "weekly": {}}, True, id="an empty zone"),
        pytest.param({"zone": "../../etc/passwd", "weekly": {}}, True, id="a zone that is a path"),
        pytest.param({"zone": 5, "weekly": {}}, True, id="a zone that is a number"),
        pytest.param({"zone": "UTC", "weekly": {"sunday": "all day"}}, False, id="hours that are text"),
        pytest.param({"zone": "UTC", "weekly": {"sunday": ["09:00"]}}, False, id="an interval that is text"),
        pytest.param({"zone": "UTC", "weekly": {"sunday": [{}]}}, False, id="an interval without times"),
    ],
)
def test_stored_hours_that_are_invalid_do_no_harm(hours: dict[str, Any], *, opened: bool) -> None:
    assert is_open(hours, datetime(2026, 11, 29, 12, tzinfo=UTC)) is opened


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"zone": "Nowhere/Town"}, id="an unknown zone"),
        pytest.param({"weekly": {"someday": []}}, id="an unknown day"),
        pytest.param({"weekly": {"sunday": [{"opens": "12:00", "closes": "08:00"}]}}, id="it closes before it opens"),
        pytest.param({"weekly": {"sunday": [{"opens": "08:00", "closes": "08:00"}]}}, id="it closes as it opens"),
        pytest.param({"weekly": {"sunday": [{"opens": "8:00", "closes": "9:00"}]}}, id="hours of one digit"),
        pytest.param({"weekly": {"sunday": [{"opens": "24:00", "closes": "24:00"}]}}, id="it opens at 24:00"),
        pytest.param(
            {"weekly": {"sunday": [{"opens": "08:00", "closes": "12:00"}, {"opens": "11:00", "closes": "13:00"}]}},
            id="intervals that overlap",
        ),
    ],
)
def test_a_calendar_that_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BusinessHours.model_validate(RIYADH | {"holidays": ()} | change)
