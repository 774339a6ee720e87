"""`Contents`: deliveries and returned messages of which frames are still to come, one for each channel."""

from typing import Any

from aiormq.abc import AbstractChannel

from libs.chassis.amqp.wire import frames
from libs.chassis.amqp.wire.properties import decoded
from libs.chassis.amqp.wire.routes import Receive


class Content:
    """A delivery, or with no `method` and no `receive` a returned message."""

    __slots__ = ("_left", "_parts", "channel", "method", "properties", "receive")

    def __init__(self, channel: AbstractChannel, method: frames.Method | None, receive: Receive | None) -> None:
        self.channel = channel
        self.method = method
        self.receive = receive
        self.properties: dict[str, Any] | None = None
        self._left = 0
        self._parts: list[bytes] = []

    def add(self, kind: int, payload: bytes) -> bool | None:
        """Add a frame; True when it was the last one, None when the content cannot go on with it."""
        if (kind == frames.HEADER) is (self.properties is not None):
            return None
        if kind == frames.HEADER:
            self._left, self.properties = decoded(payload)
        else:
            self._parts.append(payload)
            self._left -= len(payload)
        return self._left <= 0

    @property
    def body(self) -> bytes:
        """The body, once the last frame was added."""
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
