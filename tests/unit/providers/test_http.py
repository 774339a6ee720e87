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
        pytest.param("1.5", 1.5, id="a fraction"),
        pytest.param("2.", 2.0, id="a point without a fraction"),
        pytest.param("0.2", 0.2, id="less than a second"),
        pytest.param("9" * 5000, 3600.0, id="more digits than anybody means"),
        pytest.param("0" * 5000, 0.0, id="zeros without an end"),
        pytest.param("3, 12,5", 12.0, id="several in one header"),
        pytest.param("soon, 7", 7.0, id="one of several that can be read"),
        pytest.param("Monday, 23-Nov-26 12:00:30 GMT", 30.0, id="an old date (RFC 850)"),
        pytest.param("Mon Nov 23 12:00:30 2026", 30.0, id="an older date (asctime)"),
        pytest.param("Mon, 23 Nov 2026 14:00:30 +0200", 30.0, id="a date of another zone"),
        pytest.param("Mon, 23 Nov 2036 12:00:30 GMT", 3600.0, id="a date that is far too late"),
        pytest.param("Mon, 23 Nov 99999999999999999999 11:00:00 GMT", None, id="a year that no date has"),
        pytest.param("Mon, 23 Nov 2026 11:00:00 +99999999999999", None, id="a zone that no place has"),
        pytest.param("Mon, 23 Nov 2026 25:00:00 GMT", None, id="an hour that no day has"),
        pytest.param("2026-11-23T12:00:30Z", None, id="a date of another form"),
        pytest.param("1e3", None, id="an exponent"),
        pytest.param("nan", None, id="not a number"),
        pytest.param("inf", None, id="infinity"),
        pytest.param("5 s", None, id="a unit"),
        pytest.param("", None, id="nothing"),
        pytest.param("-5", None, id="negative"),
        pytest.param("-1.5", None, id="negative with a fraction"),
        pytest.param("soon", None, id="a word"),
        pytest.param("١٢", None, id="other digits"),
    ],
)
def test_retry_after_is_read(header: str, seconds: float | None) -> None:
    assert retry_after_from(header, now=NOON) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param(("3", "12"), 12.0, id="two numbers"),
        pytest.param(("soon", "12"), 12.0, id="a word and a number"),
        pytest.param(("90", "Mon, 23 Nov 2026 12:00:30 GMT"), 90.0, id="a number and a date"),
        pytest.param(("soon", "-1"), None, id="none that can be read"),
    ],
)
def test_of_several_headers_the_longest_counts(headers: tuple[str, ...], seconds: float | None) -> None:
    assert retry_after_from(*headers, now=NOON) == seconds


DATES = st.builds(
    "Mon, {} Nov {} {}:00:00 {}".format,
    st.integers(),
    st.integers(),
    st.integers(),
    st.sampled_from(["GMT", "+0000"]) | st.integers().map("{:+d}".format),
)


@given(st.text(max_size=12) | st.floats().map(str) | DATES)
def test_no_header_raises_or_exceeds_the_limits(header: str) -> None:
    assert 0.0 <= (retry_after_from(header, now=NOON) or 0.0) <= MAX_RETRY_AFTER_S
