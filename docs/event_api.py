"""The AsyncAPI 3.0 document of all events, from the event classes, their producers and the topology."""

import inspect
import json
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from libs.chassis.topology import EXCHANGE
from libs.contracts.events import EVENTS, Event
from libs.contracts.producers import DEAD_LETTERS_ONLY, PRODUCERS

REF: Final = "#/components/schemas/{model}"
HEADERS: Final[dict[str, Any]] = {
    "type": "object",
    "description": "AMQP headers (docs/event-format.md). Times, ids and the class are AMQP properties.",
    "properties": {
        "traceparent": {"type": "string", "description": "The trace (W3C Trace Context)."},
    },
}


def event_api() -> str:
    """The document as JSON."""
    return json.dumps(document(), indent=2, ensure_ascii=False)


def document() -> dict[str, Any]:
    """The document: a channel for each event, an operation for each producer of it."""
    names, definitions = models_json_schema([(event, "serialization") for event in EVENTS], ref_template=REF)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "WhatsApp gateway for 3CX: events",
            "version": "1",
            "description": "Every event is published once, to one topic exchange of RabbitMQ. The AMQP property `type` "
            "is the event's name, `message_id` its id, `timestamp` its time. Generated from the gateway's contracts.",
        },
        "defaultContentType": "application/json",
        "channels": {event.__name__: _channel(event) for event in EVENTS},
        "operations": dict(_operations()),
        "components": {
            "schemas": definitions["$defs"],
            "messages": {event.__name__: _message(event, names[event, "serialization"]) for event in EVENTS},
        },
    }


def _channel(event: type[Event]) -> dict[str, Any]:
    channel: dict[str, Any] = {
        "address": event.binding,
        "title": event.name,
        "messages": {event.__name__: {"$ref": f"#/components/messages/{event.__name__}"}},
    }
    if event not in DEAD_LETTERS_ONLY:
        exchange = {"name": EXCHANGE, "type": "topic", "durable": True, "autoDelete": False}
        channel["bindings"] = {"amqp": {"is": "routingKey", "exchange": exchange}}
    return channel


def _message(event: type[Event], schema: dict[str, Any]) -> dict[str, Any]:
    about = inspect.cleandoc(event.__doc__ or "")
    return {
        "name": event.name,
        "title": event.__name__,
        "summary": about.split("\n\n")[0].replace("\n", " "),
        "contentType": "application/json",
        "headers": HEADERS,
        "payload": schema,
        "bindings": {"amqp": {"messageType": event.name}},
    }


def _operations() -> Any:
    for service, events in PRODUCERS.items():
        for event in events:
            yield f"{service}.{event.__name__}", _operation(event, f"{service.capitalize()} publishes it.")
    for event in DEAD_LETTERS_ONLY:
        yield f"ingress.{event.__name__}", _operation(event, "Ingress publishes it to a dead-letter queue.")


def _operation(event: type[Event], summary: str) -> dict[str, Any]:
    channel = f"#/channels/{event.__name__}"
    return {
        "action": "send",
        "summary": summary,
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{event.__name__}"}],
    }
