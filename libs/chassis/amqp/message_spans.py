"""The spans of messages, by the semantic conventions for messaging: PRODUCER for a publish, CONSUMER for a delivery."""

from collections.abc import Sequence

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

from libs.chassis.amqp.envelope import attempt_of, trace_of
from libs.chassis.settlement import Ack, DeadLetter, Retry, Settlement
from libs.chassis.span_attributes import (
    ATTEMPT,
    BATCH_SIZE,
    CODE,
    DESTINATION,
    EVENT_ID,
    MESSAGE_ID,
    OPERATION_NAME,
    OPERATION_TYPE,
    ROUTING_KEY,
    SETTLEMENT,
    SYSTEM,
    Attributes,
    AttributeValue,
    attributes_of,
    event_id_of,
    is_server_error,
)
from libs.chassis.spans import NO_SPAN, Kind, Span, annotate, fail_current, is_exporting, span
from libs.chassis.subscriptions import HandlerResult, Received
from libs.chassis.trace_context import Headers, context_in, current_trace_id, trace_headers
from libs.contracts.events import Event

_SETTLEMENTS: dict[type[Settlement], str] = {Ack: "ack", Retry: "retry", DeadLetter: "dead_letter"}


def producer_span(message: aio_pika.Message, exchange: str, key: str, about: Attributes) -> Span:
    """The span of a publish. A copy of a message belongs to the message's trace, or links to it from another one."""
    if not is_exporting():
        return NO_SPAN
    before = context_in(_text_headers(message))
    other = before is not None and current_trace_id() not in {None, before["traceparent"].split("-")[1]}
    return span(
        f"publish {exchange}",
        Kind.PRODUCER,
        parent=before if current_trace_id() is None else None,
        links=[(before, {})] if other and before is not None else [],
        attributes={
            **_operation("send", "publish"),
            DESTINATION: exchange,
            ROUTING_KEY: key,
            **({} if message.message_id is None else {MESSAGE_ID: message.message_id}),
            **about,
        },
    )


def carry_trace(message: aio_pika.Message) -> None:
    """Let the message carry the current span, so that its consumer's span comes under the publish."""
    if is_exporting():
        message.headers |= trace_headers()


def consumer_span(queue: str, incoming: AbstractIncomingMessage) -> Span:
    """The span of one delivery, under the span that published it."""
    if not is_exporting():
        return span("", parent=trace_of(incoming))
    return span(
        f"process {queue}",
        Kind.CONSUMER,
        parent=trace_of(incoming),
        attributes={
            **_operation("process", "process"),
            DESTINATION: queue,
            ROUTING_KEY: incoming.routing_key or "",
            MESSAGE_ID: incoming.message_id or "",
            ATTEMPT: attempt_of(incoming),
        },
    )


def batch_span(queue: str, batch: Sequence[tuple[AbstractIncomingMessage, Received[Event]]]) -> Span:
    """The span of a batch, with a link to the publish of each of its messages."""
    if not is_exporting():
        return NO_SPAN
    links: list[tuple[Headers, Attributes]] = [
        (
            trace_of(incoming),
            {MESSAGE_ID: str(received.id), EVENT_ID: event_id_of(received.event, _started_by(received))},
        )
        for incoming, received in batch
    ]
    attributes = {**_operation("process", "process"), DESTINATION: queue, BATCH_SIZE: len(batch)}
    return span(f"process {queue}", Kind.CONSUMER, links=links, attributes=attributes)


def describe_event(received: Received[Event]) -> None:
    """Set the attributes of the event that the current span handles."""
    if is_exporting():
        annotate(attributes_of(received.event, _started_by(received)))


def describe_result(result: HandlerResult) -> None:
    """Set the code of the answer that a handler returned; a server error fails the span, a refusal does not."""
    if not is_exporting():
        return
    for event in (result,) if isinstance(result, Event) else result or ():
        if (code := getattr(event, "code", None)) is not None:
            annotate({CODE: str(code)})
            if is_server_error(event):
                fail_current(str(code))


def describe_settlement(settlement: Settlement | None, failure: Exception | None) -> None:
    """Set what becomes of the delivery that the current span handles; a dead letter fails it."""
    if settlement is None or not is_exporting():
        return
    annotate({SETTLEMENT: _SETTLEMENTS[type(settlement)]})
    if isinstance(settlement, DeadLetter):
        fail_current("dead_letter" if failure is None else type(failure).__name__)


def _started_by(received: Received[Event]) -> str:
    return received.correlation_id or str(received.id)


def _operation(kind: str, name: str) -> dict[str, AttributeValue]:
    return {SYSTEM: "rabbitmq", OPERATION_TYPE: kind, OPERATION_NAME: name}


def _text_headers(message: aio_pika.Message) -> dict[str, str]:
    return {name: value for name, value in message.headers.items() if isinstance(value, str)}
