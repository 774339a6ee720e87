"""Descriptions of exceptions hold classes and source lines, never the exception's text."""

import sys

import pytest

from libs.chassis.failures import failure_location, failure_summary, redact_exception

PHONE = "+966500000001"


def failed() -> None:
    """Raise an exception with a cause; both texts hold a phone number."""
    try:
        int(PHONE + "x")
    except ValueError as cause:
        raise KeyError(PHONE) from cause


def chained() -> BaseException:
    """The exception that `failed` raises."""
    with pytest.raises(KeyError) as raised:
        failed()
    return raised.value


def test_a_summary_names_classes_and_lines_of_the_chain_and_nothing_else() -> None:
    summary = failure_summary(chained())

    assert [line.partition(" at ")[0] for line in summary.splitlines()] == ["KeyError", "caused by ValueError"]
    assert "test_failures.py:" in summary
    assert PHONE not in summary


def test_a_location_is_the_innermost_line_and_empty_before_an_exception_is_raised() -> None:
    assert failure_location(chained()).startswith("test_failures.py:")
    assert failure_location(ValueError(PHONE)) == ""


def test_a_circle_of_causes_ends() -> None:
    first, second = ValueError(PHONE), KeyError(PHONE)
    first.__cause__, second.__cause__ = second, first

    assert len(failure_summary(first).splitlines()) == 8


def test_a_log_line_has_a_summary_in_place_of_the_exception() -> None:
    try:
        int(PHONE + "x")
    except ValueError:
        current = redact_exception(None, "", {"exc_info": True})
        given = redact_exception(None, "", {"exc_info": sys.exc_info()})

    assert current == given
    assert current["exception"].startswith("ValueError at test_failures.py:")
    assert redact_exception(None, "", {"event": "x", "exc_info": False}) == {"event": "x"}
