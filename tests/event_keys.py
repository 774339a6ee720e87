"""The keys of events in tests: one set for all services, and brokers and messages that are authentic."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from uuid import UUID

import aio_pika

from libs.chassis.amqp.authentication import sign
from libs.chassis.amqp.envelope import message_from
from libs.chassis.event_keys import EventKeys, Refusal, event_keys_from
from libs.chassis.subscriptions import MessageMetadata
from libs.contracts.events import BY_NAME, Event, WebhookAnswered
from libs.contracts.producers import PRODUCERS
from tools.event_keys import new_event_keys

VALUES = cache(new_event_keys)
"""The value of `GATEWAY_EVENT_KEYS` by service; the same in one test process."""


def event_keys(service: str) -> EventKeys:
    """The keys of one service."""
    return event_keys_from(VALUES()[service], service)


def key_setting(service: str) -> dict[str, str]:
    """The setting with the keys of one service."""
    return {"GATEWAY_EVENT_KEYS": VALUES()[service]}


class EveryonesKeys(EventKeys):
    """The keys of all services: signs an event as a service that publishes it, and reads as any."""

    def __init__(self) -> None:
        self._all = {service: event_keys(service) for service in PRODUCERS}

    def sign(self, parts: Iterable[str], body: bytes) -> str:
        parts = tuple(parts)
        return self._all[producer_of(parts[0])].sign(parts, body)

    def producer_of(self, header: object, parts: Iterable[str], body: bytes) -> str | Refusal:
        found = [keys.producer_of(header, parts, body) for keys in self._all.values()]
        return next((each for each in found if isinstance(each, str)), found[0])


def producer_of(event_name: str) -> str:
    """A service that publishes an event; ingress for what nobody publishes. Sender alone publishes every result."""
    event_class = BY_NAME.get(event_name)
    if event_class is WebhookAnswered:
        return "sender"
    return next((service for service, events in PRODUCERS.items() if event_class in events), "ingress")


def signed(message: aio_pika.Message, service: str | None = None) -> aio_pika.Message:
    """The message with its MAC, made by one service or by one that publishes the event."""
    sign(message, EveryonesKeys() if service is None else event_keys(service))
    return message


def signed_as(message: aio_pika.Message, service: str, values: Mapping[str, str]) -> aio_pika.Message:
    """The message with the MAC of a service of a running stack (`Stack.event_keys`)."""
    sign(message, event_keys_from(values[service], service))
    return message


def authentic(
    event: Event, event_id: UUID, producer: str = "tester", *, at: datetime | None = None, service: str | None = None
) -> aio_pika.Message:
    """The message of an event as a service publishes it."""
    return signed(message_from(event, MessageMetadata(id=event_id, at=at or datetime.now(UTC)), producer), service)
