"""HTTP calls of provider clients: the Retry-After header."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.providers.http import MAX_RETRY_AFTER_S, retry_after_from

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param("0", 0.0, id="zero"),
        pytest.param(" 12 ", 12.0, id="seconds"),
        pytest.param("999999999999", 3600.0, id="far too long"),
        pytest.param("Mon, 23 Nov 2026 12:00:30 GMT", 30.0, id="a date to come"),
        pytest.param("Mon, 23 Nov 2026 11:00:00 GMT", 0.0, id="a date gone by"),
        pytest.param("-5", None, id="negative"),
        pytest.param("soon", None, id="a word"),
        pytest.param("١٢", None, id="other digits"),
    ],
)
def test_retry_after_is_read(header: str, seconds: float | None) -> None:
    assert retry_after_from(header, now=NOON) == seconds


@given(st.text(max_size=12))
def test_no_header_raises_or_exceeds_the_limit(header: str) -> None:
    assert (retry_after_from(header, now=NOON) or 0.0) <= MAX_RETRY_AFTER_S
