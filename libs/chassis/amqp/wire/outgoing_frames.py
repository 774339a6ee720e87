"""`OutgoingFrames`: what is written to a connection in one step of the event loop is one system call, in that order."""

import asyncio

from aiormq.abc import AbstractChannel

from libs.chassis.amqp.wire import frames


class OutgoingFrames:
    """The outgoing half of a link."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._unsent: list[bytes] = []
        self._closing: set[int] = set()
        """Channels of which one side has said that it closes them: a frame on one would end the connection."""
        self.writable = asyncio.Event()
        """Unset while more is written than the other side reads."""
        self.writable.set()
        self.has_carried = False
        """True once the library has written through this link."""

    def takes(self, channel: AbstractChannel) -> bool:
        """True while frames may be sent on the channel."""
        return not channel.is_closed and channel.number not in self._closing

    def acknowledge(self, channel: AbstractChannel, tag: int, *, multiple: bool) -> bool:
        """Acknowledge, in the order of the calls; False when the channel is gone, and the broker delivers again."""
        if not self.takes(channel):
            return False
        self.write(frames.acknowledged(channel.number, tag, multiple=multiple))
        return True

    def requeue(self, channel: AbstractChannel, tag: int) -> bool:
        """Reject, so that the broker delivers again; in the order of the calls, with those of `acknowledge`."""
        if not self.takes(channel):
            return False
        self.write(frames.requeued(channel.number, tag))
        return True

    def write_of_library(self, data: bytes) -> None:
        """As `write`; sees when the library closes a channel."""
        self.has_carried = True
        if data[frames.HEAD.size :].startswith(frames.CHANNEL_CLOSE):
            self._closing.add(int.from_bytes(data[1:3]))
        self.write(data)

    def write(self, data: bytes) -> None:
        """Send with everything else that is written in this step of the event loop, in one system call."""
        if not self._unsent:
            self._loop.call_soon(self.flush)
        self._unsent.append(data)

    def flush(self) -> None:
        """Send what is written."""
        if self._unsent:
            data, self._unsent = b"".join(self._unsent), []
            if not self._transport.is_closing():
                self._transport.write(data)
