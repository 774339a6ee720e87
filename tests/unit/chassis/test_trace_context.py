"""Trace context is passed on, also where no spans are made."""

import re

import pytest

from libs.chassis.spans import span
from libs.chassis.trace_context import trace_headers

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_callers_trace_is_passed_on() -> None:
    with span("step", parent={"traceparent": PARENT, "tracestate": "vendor=1", "other": "x"}):
        headers = trace_headers()

    assert headers == {"traceparent": PARENT, "tracestate": "vendor=1"}


def test_a_step_without_a_caller_begins_a_trace_of_its_own() -> None:
    with span("one"):
        first = trace_headers()["traceparent"]
    with span("two"):
        second = trace_headers()["traceparent"]

    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", first)
    assert first != second


def test_a_step_within_a_step_stays_in_its_trace() -> None:
    with span("outer", parent={"traceparent": PARENT}), span("inner"):
        headers = trace_headers()

    assert headers == {"traceparent": PARENT}


@pytest.mark.parametrize(
    "told", ["", "garbage", PARENT.upper(), PARENT + "\nx", "00-" + "g" * 32 + "-" + "0" * 16 + "-01"]
)
def test_a_callers_garbage_is_no_trace(told: str) -> None:
    with span("step", parent={"traceparent": told}):
        headers = trace_headers()

    assert told not in headers.values()


def test_outside_a_step_there_is_no_trace() -> None:
    assert trace_headers() == {}
