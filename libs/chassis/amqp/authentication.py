"""The MAC of an event in its AMQP message: which properties and headers it covers, and the header that holds it.

It covers what makes the event and what handlers believe of it: type, version, id, correlation id, replica, time and
body. Not covered is what changes on the way: the number of the try and its times, trace context, marks of dead letters.
The exchange and the routing key follow from the body (`origin.py`).
"""

from collections.abc import Mapping

from aio_pika import Message
from aio_pika.abc import AbstractIncomingMessage

from libs.chassis import metrics
from libs.chassis.amqp.envelope import AT, MAC, VERSION
from libs.chassis.event_keys import EventKeys, Refusal
from libs.chassis.settlement import UnauthenticatedEvent
from libs.contracts.events import BY_NAME, Event, WebhookAnswered
from libs.contracts.producers import DEAD_LETTERS_ONLY, PRODUCERS, RESULTS_OF_SENDER

_POSTS_OF = "ingress"
"""The service that publishes `DEAD_LETTERS_ONLY`."""
_SENDER = "sender"


def sign(message: Message, keys: EventKeys) -> None:
    """Give the message of an event its MAC. What it covers must not change afterwards."""
    message.headers[MAC] = keys.sign(_covered(message), message.body)


def require_authentic(incoming: AbstractIncomingMessage, keys: EventKeys, queue: str) -> str:
    """The service that published the event of a delivery.

    Raises UnauthenticatedEvent, and counts it, when that is not proven or the service does not publish such events.
    """
    found = keys.producer_of(incoming.headers.get(MAC), _covered(incoming), incoming.body)
    if isinstance(found, str):
        event_class = BY_NAME.get(incoming.type or "")
        if event_class is None or event_class in _PUBLISHED[found]:
            return found
        found = Refusal.PRODUCER
    raise _refused(found, queue)


def require_own_result(event: Event, producer: str, queue: str) -> None:
    """Raise UnauthenticatedEvent for a result that says `sent` and is not sender's."""
    if isinstance(event, WebhookAnswered) and event.code in RESULTS_OF_SENDER and producer != _SENDER:
        raise _refused(Refusal.PRODUCER, queue)


def _covered(message: Message | AbstractIncomingMessage) -> tuple[str, ...]:
    headers: Mapping[str, object] = message.headers
    version, at = headers.get(VERSION), headers.get(AT)
    return (
        message.type or "",
        message.message_id or "",
        message.correlation_id or "",
        message.app_id or "",
        message.content_type or "",
        # A header that is no whole number counts as the empty text, which no producer signs.
        str(version) if type(version) is int else "",
        str(at) if type(at) is int else "",
    )


def _refused(refusal: Refusal, queue: str) -> UnauthenticatedEvent:
    metrics.UNAUTHENTICATED.labels(queue, refusal.value).inc()
    return UnauthenticatedEvent(refusal.value)


_PUBLISHED: Mapping[str, frozenset[type[Event]]] = {
    service: frozenset(events) | (frozenset(DEAD_LETTERS_ONLY) if service == _POSTS_OF else frozenset())
    for service, events in PRODUCERS.items()
}
