"""`DeliveredMessage`: one delivery, with the attributes of aio_pika's `IncomingMessage` and none of its methods."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol, cast

from aio_pika.abc import AbstractIncomingMessage
from aiormq.abc import AbstractChannel
from aiormq.exceptions import ChannelInvalidStateError

_PROPERTIES = (
    *("content_type", "content_encoding", "correlation_id", "reply_to"),
    *("message_id", "timestamp", "type", "user_id", "app_id"),
)


class Acknowledger(Protocol):
    """What a delivery came through: it acknowledges without a wait."""

    def acknowledge(self, channel: AbstractChannel, tag: int, *, multiple: bool) -> bool:
        """Acknowledge, in the order of the calls; False when the channel is gone."""

    def requeue(self, channel: AbstractChannel, tag: int) -> bool:
        """Reject, in the same order; False when the channel is gone."""


class DeliveredMessage:
    """A delivery; attributes that its message does not have are None."""

    __slots__ = (
        *(
            "_channel",
            "acknowledger",
            "body",
            "body_size",
            "consumer_tag",
            "delivery_mode",
            "delivery_tag",
            "exchange",
            "expiration",
        ),
        *("headers", "priority", "redelivered", "routing_key"),
        *_PROPERTIES,
    )

    body: bytes
    delivery_tag: int
    exchange: str
    headers: dict[str, Any]
    redelivered: bool
    routing_key: str
    timestamp: datetime | None

    def __init__(
        self,
        acknowledger: Acknowledger,
        channel: AbstractChannel,
        method: tuple[str, int, bool, str, str],
        properties: dict[str, Any],
        body: bytes,
    ) -> None:
        """`method` has the consumer's tag, the delivery's tag, whether it was delivered before, exchange and key."""
        self.acknowledger, self._channel = acknowledger, channel
        self.consumer_tag, self.delivery_tag, self.redelivered, self.exchange, self.routing_key = method
        self.body, self.body_size = body, len(body)
        get = properties.get
        self.headers = get("headers") or {}
        self.delivery_mode, self.priority, self.expiration = get("delivery_mode"), get("priority"), get("expiration")
        self.content_type, self.content_encoding = get("content_type"), get("content_encoding")
        self.correlation_id, self.reply_to, self.message_id = get("correlation_id"), get("reply_to"), get("message_id")
        self.timestamp, self.type = get("timestamp"), get("type")
        self.user_id, self.app_id = get("user_id"), get("app_id")

    @property
    def channel(self) -> AbstractChannel:
        """The channel that it came on; raises ChannelInvalidStateError when that is closed."""
        if self._channel.is_closed:
            raise ChannelInvalidStateError
        return self._channel


def acknowledger_of(incoming: AbstractIncomingMessage) -> Acknowledger | None:
    """What acknowledges the delivery without a wait; None for a delivery of the library's."""
    found: Acknowledger | None = getattr(incoming, "acknowledger", None)
    return found


def as_messages(incoming: Sequence[DeliveredMessage]) -> Sequence[AbstractIncomingMessage]:
    """As `as_message`, for a batch."""
    return cast("Sequence[AbstractIncomingMessage]", incoming)


def as_message(incoming: DeliveredMessage) -> AbstractIncomingMessage:
    """The delivery under the type that the library's own deliveries have."""
    return cast("AbstractIncomingMessage", incoming)
