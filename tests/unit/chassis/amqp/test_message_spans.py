"""Spans of messages: who published and who processed what, what became of it, and which traces a batch belongs to."""

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import aio_pika
import pytest
from aio_pika.abc import AbstractIncomingMessage
from opentelemetry.trace import SpanKind, StatusCode

from libs.chassis.amqp.message_spans import (
    batch_span,
    carry_trace,
    consumer_span,
    describe_event,
    describe_result,
    describe_settlement,
    producer_span,
)
from libs.chassis.settlement import Ack, DeadLetter, Settlement, UnreadableEvent
from libs.chassis.spans import NO_SPAN, span
from libs.chassis.subscriptions import Received
from libs.contracts.errors import ErrorCode
from libs.contracts.events import Event, WebhookAnswered
from libs.contracts.results import AnswerCode, AnswerStatus
from tests.unit.chassis.collected_spans import Spans, collected_spans

EVENT_ID, MESSAGE_ID = UUID(int=1), UUID(int=2)
ANOTHER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans() -> Iterator[Spans]:
    with collected_spans() as made:
        yield made


def incoming(message: aio_pika.Message, key: str = "message.approved") -> AbstractIncomingMessage:
    fields = {"headers": dict(message.headers), "message_id": message.message_id, "routing_key": key}
    return cast("AbstractIncomingMessage", SimpleNamespace(**fields))


def a_message(**headers: Any) -> aio_pika.Message:
    return aio_pika.Message(b"{}", message_id=str(MESSAGE_ID), headers=headers)


def answered(code: AnswerCode) -> Received[Event]:
    event = WebhookAnswered(event_id=EVENT_ID, reply_to="ingress-1", code=code)
    return Received(event=event, id=MESSAGE_ID, at=datetime(2026, 11, 23, tzinfo=UTC))


def test_a_delivery_comes_under_its_publish(spans: Spans) -> None:
    message = a_message()
    with producer_span(message, "gateway.events", "message.approved", {"gateway.event_id": "e"}):
        carry_trace(message)
    with consumer_span("sender.messages", incoming(message)):
        describe_event(answered(AnswerStatus.SENT))

    published, processed = spans.named("publish gateway.events"), spans.named("process sender.messages")
    assert processed.parent is not None
    assert processed.parent.span_id == published.context.span_id
    assert (published.kind, processed.kind) == (SpanKind.PRODUCER, SpanKind.CONSUMER)
    assert spans.attributes("publish gateway.events") == {
        "messaging.system": "rabbitmq",
        "messaging.operation.type": "send",
        "messaging.operation.name": "publish",
        "messaging.destination.name": "gateway.events",
        "messaging.rabbitmq.destination.routing_key": "message.approved",
        "messaging.message.id": str(MESSAGE_ID),
        "gateway.event_id": "e",
    }
    assert spans.attributes("process sender.messages") == {
        "messaging.system": "rabbitmq",
        "messaging.operation.type": "process",
        "messaging.operation.name": "process",
        "messaging.destination.name": "sender.messages",
        "messaging.rabbitmq.destination.routing_key": "message.approved",
        "messaging.message.id": str(MESSAGE_ID),
        "gateway.attempt": 1,
        "gateway.event_id": str(EVENT_ID),
        "gateway.event_type": "webhook.answered",
        "gateway.code": "sent",
    }


def test_a_replay_belongs_to_the_request_and_links_to_the_original_trace(spans: Spans) -> None:
    message = a_message(traceparent=ANOTHER)
    with span("POST /replay"), producer_span(message, "gateway.replay", "sender.messages", {}):
        carry_trace(message)

    made = spans.named("publish gateway.replay")
    assert made.context.trace_id == spans.named("POST /replay").context.trace_id
    assert [f"{link.context.trace_id:032x}" for link in made.links] == [ANOTHER.split("-")[1]]
    assert message.headers["traceparent"] != ANOTHER


def test_a_copy_that_no_span_publishes_stays_in_the_message_s_trace(spans: Spans) -> None:
    with producer_span(a_message(traceparent=ANOTHER), "gateway.dead", "audit.records", {}):
        pass

    made = spans.named("publish gateway.dead")
    assert f"{made.context.trace_id:032x}" == ANOTHER.split("-")[1]
    assert made.links == ()


@pytest.mark.parametrize(
    ("code", "failed"),
    [
        (AnswerStatus.SENT, False),
        (ErrorCode.RECIPIENT_SUPPRESSED, False),
        (ErrorCode.GATEWAY_SEND_FAILED, True),
        (ErrorCode.GATEWAY_UNAVAILABLE, True),
    ],
)
def test_a_server_error_is_an_error_and_a_refusal_is_none(spans: Spans, code: AnswerCode, *, failed: bool) -> None:
    with consumer_span("q", incoming(a_message())):
        describe_result(answered(code).event)

    assert (spans.named("process q").status.status_code is StatusCode.ERROR) is failed
    assert spans.attributes("process q")["gateway.code"] == code.value
    assert spans.attributes("process q").get("error.type") == (code.value if failed else None)


@pytest.mark.parametrize(
    ("settlement", "error"),
    [pytest.param(Ack(), None, id="handled"), pytest.param(DeadLetter("x"), "UnreadableEvent", id="dead letter")],
)
def test_a_dead_letter_is_an_error(spans: Spans, settlement: Settlement, error: str | None) -> None:
    with consumer_span("q", incoming(a_message())):
        describe_settlement(settlement, None if error is None else UnreadableEvent("+966501234567"))

    assert spans.attributes("process q").get("error.type") == error
    assert (spans.named("process q").status.status_code is StatusCode.ERROR) is (error is not None)


def test_a_batch_is_one_span_with_a_link_to_the_trace_of_each_message(spans: Spans) -> None:
    batch = [
        (incoming(a_message(traceparent=ANOTHER)), answered(AnswerStatus.SENT)),
        (incoming(a_message()), answered(AnswerStatus.SENT)),  # without a trace
    ]
    with batch_span("audit.records", batch):
        pass

    made = spans.named("process audit.records")
    assert spans.attributes(made.name)["messaging.batch.message_count"] == 2
    ((link,),) = [made.links]
    assert f"{link.context.trace_id:032x}" == ANOTHER.split("-")[1]
    assert dict(link.attributes or {}) == {
        "messaging.message.id": str(MESSAGE_ID),
        "gateway.event_id": str(EVENT_ID),
    }


def test_without_an_exporter_a_message_keeps_the_trace_that_it_has() -> None:
    message = a_message(traceparent=ANOTHER)

    assert producer_span(message, "gateway.events", "x", {}) is NO_SPAN
    assert batch_span("q", []) is NO_SPAN
    carry_trace(message)

    assert message.headers["traceparent"] == ANOTHER
