"""Times in queries."""

from datetime import UTC, datetime

import pytest

from services.console.domain.timestamps import timestamp_from

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-28T12:00:00Z", NOON),
        ("2026-11-28t12:00:00z", NOON),
        ("2026-11-28T15:00:00+03:00", NOON),
        ("2026-11-28T15:00:00 03:00", NOON),
        ("2026-11-28T12:00:00.25Z", NOON.replace(microsecond=250_000)),
        ("2026-11-28", NOON.replace(hour=0)),
        ("2026-11-28T12:00:00", None),
        ("2026-02-30", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("٢٠٢٦-11-28", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_time_needs_an_offset_and_a_day_means_midnight_utc(text: str, at: datetime | None) -> None:
    assert timestamp_from(text) == at
