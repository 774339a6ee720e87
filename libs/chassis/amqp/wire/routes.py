"""`Routes`: who gets the deliveries and confirms that a connection receives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from aio_pika.abc import AbstractIncomingMessage
from aiormq.abc import AbstractChannel

if TYPE_CHECKING:
    from libs.chassis.amqp.wire.link import Link

Receive = Callable[[Sequence[AbstractIncomingMessage]], None]
"""Gets deliveries in the broker's order. It must not raise and not wait."""


class Confirms(Protocol):
    """Who waits for the confirms of one channel."""

    @property
    def channel(self) -> AbstractChannel:
        """The channel."""

    def confirmed(self, tag: int, *, multiple: bool, accepted: bool) -> None:
        """The broker took, or refused, the publish with this tag; with `multiple` all before it too."""

    def returned(self, message_id: str | None) -> None:
        """The broker could route the message nowhere; its confirm follows."""


class Routes:
    """Who gets what a connection receives. It outlives the links of one connection: each reconnect makes a new one."""

    def __init__(self) -> None:
        self.consumers: dict[bytes, Receive] = {}
        """By the consumer's tag."""
        self.confirms: dict[int, Confirms] = {}
        """By the channel's number."""
        self.channel: Callable[[int], AbstractChannel | None] = lambda _: None
        """The library's open channel with a number."""
        self.link: Link | None = None
        """The newest link; older ones pass everything on."""
