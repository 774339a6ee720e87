"""Spans: parents from inside, links from outside, nothing personal, and a mark only on what is really an error."""

import asyncio
from collections.abc import Iterator

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from libs.chassis.span_attributes import CODE, ERROR_TYPE, EVENT_ID, METHOD, ROUTE, STATUS
from libs.chassis.spans import Kind, annotate, annotate_call, exemplar, fail_current, is_exporting, server_span, span
from libs.chassis.trace_context import current_trace_id, trace_headers
from libs.contracts.errors import GatewayError, unavailable
from tests.unit.chassis.collected_spans import Spans, collected_spans

OUTSIDE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PHONE = "+966501234567"


@pytest.fixture
def spans() -> Iterator[Spans]:
    with collected_spans() as made:
        yield made


def test_a_span_comes_under_the_context_that_a_message_carried(spans: Spans) -> None:
    with span("publish", Kind.PRODUCER):
        carried = trace_headers()
    with span("process", Kind.CONSUMER, parent=carried), span("inner"):
        pass

    publish, process, inner = spans.named("publish"), spans.named("process"), spans.named("inner")
    assert process.parent is not None
    assert inner.parent is not None
    assert (process.parent.span_id, inner.parent.span_id) == (publish.context.span_id, process.context.span_id)
    assert {each.context.trace_id for each in spans.all} == {publish.context.trace_id}
    assert (publish.kind, process.kind) == (SpanKind.PRODUCER, SpanKind.CONSUMER)


def test_a_request_s_own_context_is_a_link_and_never_the_parent(spans: Spans) -> None:
    with server_span("POST", "/hook/{id}", {"traceparent": OUTSIDE, "tracestate": "vendor=1"}) as current:
        current.set({STATUS: 200})

    made = spans.named("POST /hook/{id}")
    assert made.parent is None
    assert [f"{link.context.trace_id:032x}" for link in made.links] == [OUTSIDE.split("-")[1]]
    assert f"{made.context.trace_id:032x}" != OUTSIDE.split("-")[1]
    assert made.kind is SpanKind.SERVER
    assert spans.attributes(made.name) == {METHOD: "POST", ROUTE: "/hook/{id}", STATUS: 200}


@pytest.mark.parametrize("told", ["", "nonsense", OUTSIDE.upper(), f"00-{'0' * 32}-{'0' * 16}-01", OUTSIDE + "x"])
def test_an_invalid_context_from_outside_is_no_link(spans: Spans, told: str) -> None:
    with server_span("POST", "/hook", {"traceparent": told}):
        pass

    assert spans.named("POST /hook").links == ()


def test_a_sampled_context_from_outside_does_not_make_a_trace_sampled() -> None:
    with collected_spans(ratio=0.0) as none, server_span("POST", "/hook", {"traceparent": OUTSIDE}):
        assert exemplar() is None

    assert none.all == ()


def test_a_method_that_http_does_not_have_is_not_repeated(spans: Spans) -> None:
    with server_span(PHONE, "/hook", {}):
        pass

    assert spans.attributes("_OTHER /hook")[METHOD] == "_OTHER"


def test_an_attribute_that_is_not_on_the_list_is_dropped(spans: Spans) -> None:
    with span("step", attributes={"customer.phone": PHONE, EVENT_ID: "e-1"}) as current:
        current.set({"text": PHONE, CODE: "x" * 999})
        annotate({"http.url": PHONE})

    attributes = spans.attributes("step")
    assert attributes.keys() == {EVENT_ID, CODE}
    assert len(attributes[CODE]) == 200


def test_an_exception_fails_its_span_by_its_class_or_code_and_never_by_its_text(spans: Spans) -> None:
    with pytest.raises(ValueError, match="966"), span("defect"):
        raise ValueError(PHONE)
    with pytest.raises(GatewayError), span("outage"):
        raise unavailable("store")

    assert spans.attributes("defect") == {ERROR_TYPE: "ValueError"}
    assert spans.attributes("outage") == {ERROR_TYPE: "gateway_unavailable"}
    assert {each.status.status_code for each in spans.all} == {StatusCode.ERROR}
    assert [(each.events, each.status.description) for each in spans.all] == [((), None), ((), None)]


async def test_a_cancelled_span_ends_and_is_no_error(spans: Spans) -> None:
    async def work() -> None:
        with span("work"):
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})

    assert spans.named("work").status.status_code is StatusCode.UNSET


def test_only_a_call_is_described_by_the_hooks_of_calls(spans: Spans) -> None:
    with span("process queue", Kind.CONSUMER):
        annotate_call({STATUS: 200}, name="POST /x")
        with span("POST", Kind.CLIENT):
            annotate_call({STATUS: 201}, name="POST /x")
            fail_current("timeout")

    assert spans.attributes("process queue") == {}
    assert spans.attributes("POST /x") == {STATUS: 201, ERROR_TYPE: "timeout"}


def test_logs_and_exemplars_name_the_trace(spans: Spans) -> None:
    with span("step"):
        trace_id, found = current_trace_id(), exemplar()

    assert trace_id == f"{spans.named('step').context.trace_id:032x}"
    assert found == {"trace_id": trace_id}
    assert (current_trace_id(), exemplar()) == (None, None)


def test_without_an_exporter_no_span_is_made_and_the_trace_id_goes_on() -> None:
    assert not is_exporting()
    with server_span("POST", "/hook", {"traceparent": OUTSIDE}) as current:
        current.set({STATUS: 200})
        current.fail("x")
        annotate({STATUS: 200})
        inside = trace_headers()["traceparent"]

    assert inside.split("-")[1] != OUTSIDE.split("-")[1]
    assert exemplar() is None
