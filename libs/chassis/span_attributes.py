"""The attributes that spans may have: a closed list. Anything else is dropped, so that no personal data gets there.

Names and values follow OpenTelemetry's semantic conventions (HTTP, messaging, RabbitMQ); names of our own begin with
`gateway.`.
"""

from collections.abc import Mapping
from typing import Any, Final

from libs.contracts.errors import AnyCode
from libs.contracts.events import Event

METHOD: Final = "http.request.method"
ROUTE: Final = "http.route"
URL_TEMPLATE: Final = "url.template"
STATUS: Final = "http.response.status_code"
ERROR_TYPE: Final = "error.type"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
SYSTEM: Final = "messaging.system"
DESTINATION: Final = "messaging.destination.name"
OPERATION_TYPE: Final = "messaging.operation.type"
OPERATION_NAME: Final = "messaging.operation.name"
MESSAGE_ID: Final = "messaging.message.id"
BATCH_SIZE: Final = "messaging.batch.message_count"
ROUTING_KEY: Final = "messaging.rabbitmq.destination.routing_key"
EVENT_ID: Final = "gateway.event_id"
EVENT_TYPE: Final = "gateway.event_type"
CODE: Final = "gateway.code"
VERDICT: Final = "gateway.verdict"
SETTLEMENT: Final = "gateway.settlement"
ATTEMPT: Final = "gateway.attempt"

ALLOWED: Final[Mapping[str, str]] = {
    METHOD: "the method of an HTTP request; `_OTHER` for one that HTTP does not define",
    ROUTE: "the route template that matched, never the path itself",
    URL_TEMPLATE: "the template of the URL that is called, without its ids",
    STATUS: "the HTTP status of the answer",
    ERROR_TYPE: "what failed: a status, an error code, a reason, or the class of an exception",
    SERVER_ADDRESS: "the host that is called",
    SERVER_PORT: "its port",
    SYSTEM: "`rabbitmq`",
    DESTINATION: "the exchange that is published to, or the queue that is consumed",
    OPERATION_TYPE: "`send` or `process`",
    OPERATION_NAME: "`publish` or `process`",
    MESSAGE_ID: "the message's id",
    BATCH_SIZE: "how many messages a batch has",
    ROUTING_KEY: "the routing key: an event's name, or that of a result",
    EVENT_ID: "the id of the webhook or WhatsApp message that everything belongs to",
    EVENT_TYPE: "the event's name, such as `message.approved`",
    CODE: "the answer's code, such as `sent` or `policy_violation`",
    VERDICT: "what the provider's answer means: the outcome of a call, or the verdict on its error code",
    SETTLEMENT: "`ack`, `retry` or `dead_letter`",
    ATTEMPT: "the number of the try, from 1",
}
"""Each attribute and what it holds. No attribute is a text, a name, an address of a person or a phone number."""
LONGEST: Final = 200
"""Characters of a value that are kept."""
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"})
SERVER_ERROR: Final = 500
"""HTTP's server errors begin here. A refusal below it is the answer that is wanted, not an error."""

AttributeValue = str | int
Attributes = Mapping[str, AttributeValue]


def allowed(attributes: Mapping[str, Any]) -> dict[str, AttributeValue]:
    """The attributes that are on the list, with values that are numbers or short texts."""
    return {
        name: value if isinstance(value, int) else str(value)[:LONGEST]
        for name, value in attributes.items()
        if name in ALLOWED and value is not None
    }


def method_from(method: str) -> str:
    """The method as an attribute: any caller can send any text."""
    return method if method in METHODS else "_OTHER"


def event_id_of(event: Event, started_by: str) -> str:
    """The id of the webhook or WhatsApp message that an event belongs to."""
    own = vars(event).get("event_id")  # a model takes ten times as long for a field that it does not have
    return str(own or started_by)


def attributes_of(event: Event, started_by: str) -> dict[str, AttributeValue]:
    """The attributes of an event; `started_by` is the id of the event that started the chain of events."""
    found: dict[str, AttributeValue] = {EVENT_TYPE: event.name, EVENT_ID: event_id_of(event, started_by)}
    code: AnyCode | str | None = getattr(event, "code", None)
    if code is not None:
        found[CODE] = str(code)
    return found


def is_server_error(event: Event) -> bool:
    """True when the event answers a caller with a server error, an unknown outcome included."""
    explanation = getattr(getattr(event, "code", None), "explanation", None)
    return explanation is not None and explanation.status >= SERVER_ERROR
