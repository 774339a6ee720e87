"""`Link`: takes deliveries and confirms out of what a connection receives, a batch at a time; passes on all else.

The library reads three frames for a delivery, each through a queue, and starts two tasks. Here one call of the event
loop reads everything that has arrived, and each consumer gets its deliveries in one call. Connecting, topology,
recovery, heartbeats and every other frame stay the library's.
"""

import asyncio
from typing import Any, Final

from aiormq.abc import AbstractChannel

from libs.chassis.amqp.wire import frames
from libs.chassis.amqp.wire.contents import Content
from libs.chassis.amqp.wire.delivered_message import DeliveredMessage, as_messages
from libs.chassis.amqp.wire.outgoing_frames import OutgoingFrames
from libs.chassis.amqp.wire.routes import Confirms, Receive, Routes
from libs.chassis.telemetry import logger

log = logger(__name__)
_FRAMES: Final = (b"\x01", b"\x02", b"\x03", b"\x08")
"""How a stream of frames begins; a server of another protocol version answers `AMQP`."""
ALIVE_SECONDS: Final = 1.0
"""How often the library is told by a heartbeat that the broker speaks, while only deliveries and confirms arrive."""


class Link(OutgoingFrames, asyncio.Protocol):
    """Stands between a transport and the library's protocol."""

    def __init__(self, routes: Routes, behind: Any, transport: asyncio.Transport) -> None:
        super().__init__(transport)
        self._routes = routes
        self._behind = behind
        self._kept = b""
        self._is_first, self._foreign, self._refused = True, False, False
        self._largest = frames.LARGEST_AT_FIRST
        self._contents: dict[int, Content] = {}
        self._channels: dict[int, AbstractChannel] = {}
        """The library's channels on which deliveries have come, by their numbers."""
        self._batches: dict[Receive, list[DeliveredMessage]] = {}
        self._alive_at = self._loop.time()

    def data_received(self, data: bytes) -> None:
        """Hand out deliveries and confirms, and pass on the other frames."""
        data = self._kept + data if self._kept else data
        if self._is_first:
            self._foreign, self._is_first = data[:1] not in _FRAMES, False
        place, passed = self._read(data)
        if self._refused:
            return
        if self._foreign or self._routes.link is not self:
            place = len(data)  # the library refuses what is no frame
        if passed < place:
            self._behind.data_received(data[passed:place])
        self._kept = data[place:]
        self._hand_out()
        if passed and not self._foreign:
            self._show_life()

    def _read(self, data: bytes) -> tuple[int, int]:
        """Take frames; the place up to which frames are whole, and the end of the last one taken."""
        place = passed = 0
        size, around, head_at = len(data), frames.AROUND, frames.HEAD.unpack_from
        while size - place >= around and self._routes.link is self and not (self._foreign or self._refused):
            kind, number, length = head_at(data, place)
            end = place + around + length
            if end - place > self._largest:
                self._refuse("a frame is longer than agreed")
                break
            if end > size:
                break
            if data[end - 1] != frames.FRAME_END:
                self._foreign = True
            elif self._takes(kind, number, data[place + frames.HEAD.size : end - 1]):
                if passed < place:
                    self._behind.data_received(data[passed:place])
                passed = end
            place = end
        return place, passed

    def _refuse(self, cause: str) -> None:
        """End the connection, as nothing that follows can be trusted; the library then connects again."""
        log.warning("the broker's bytes are refused, the connection ends", cause=cause)
        self._refused = True
        self._transport.abort()

    def _takes(self, kind: int, number: int, payload: bytes) -> bool:
        """True for a frame of a delivery or a confirm that somebody here waits for."""
        if kind == frames.METHOD:
            return self._takes_method(number, payload)
        content = self._contents.get(number)
        if content is None or kind not in (frames.HEADER, frames.BODY):
            return False
        is_last = content.add(kind, payload)
        if is_last is None:
            self._refuse("a content has its frames in another order")
        elif is_last:
            del self._contents[number]
            self._complete(number, content)
        return True

    def _takes_method(self, number: int, payload: bytes) -> bool:
        if self._contents.pop(number, None) is not None and not payload.startswith(frames.CHANNEL_CLOSE):
            self._refuse("a content ends before its last frame")
            return True
        if payload.startswith(frames.DELIVER):
            return self._begins_delivery(number, payload)
        confirms = self._routes.confirms.get(number)
        if confirms is not None and not confirms.channel.is_closed and self._confirms(number, confirms, payload):
            return True
        if payload.startswith(frames.CHANNEL_CLOSE):
            self._closing.add(number)
        elif payload.startswith(frames.CHANNEL_OPENED):
            self._closing.discard(number)
        elif number == 0 and payload.startswith(frames.TUNE):
            self._largest = frames.largest_of(payload)
        return False

    def _confirms(self, number: int, confirms: Confirms, payload: bytes) -> bool:
        """True for a confirm, and for the beginning of a returned message."""
        start = payload[:4]
        if start in (frames.ACK, frames.NACK):
            tag, multiple = frames.confirmed(payload)
            confirms.confirmed(tag, multiple=multiple, accepted=start == frames.ACK)
        elif start == frames.RETURN:
            self._contents[number] = Content(confirms.channel, None, None)
        else:
            return False
        return True

    def _begins_delivery(self, number: int, payload: bytes) -> bool:
        receive = self._routes.consumers.get(frames.consumer_tag_of(payload))
        channel = None if receive is None else self._open_channel(number)
        if channel is None:
            return False
        self._contents[number] = Content(channel, frames.delivered(payload), receive)
        return True

    def _open_channel(self, number: int) -> AbstractChannel | None:
        """The library's open channel with a number. It is looked up again only once the one that had it is closed."""
        known = self._channels.get(number)
        if known is not None and not known.is_closed:
            return known
        found = self._routes.channel(number)
        if found is None or found.is_closed:
            return None
        self._channels[number] = found
        return found

    def _complete(self, number: int, content: Content) -> None:
        properties = content.properties or {}
        if content.method is None or content.receive is None:
            if (confirms := self._routes.confirms.get(number)) is not None:
                confirms.returned(properties.get("message_id"))
            return
        if content.channel.is_closed:  # meanwhile; the broker delivers again
            return
        incoming = DeliveredMessage(self, content.channel, content.method, properties, content.body)
        self._batches.setdefault(content.receive, []).append(incoming)

    def _hand_out(self) -> None:
        if self._batches:
            batches, self._batches = self._batches, {}
            for receive, batch in batches.items():
                try:
                    receive(as_messages(batch))
                except Exception as failure:  # noqa: BLE001 -- the other consumers' deliveries must not be lost with it
                    log.warning("a consumer failed to take deliveries", failure=type(failure).__name__)

    def _show_life(self) -> None:
        """Something was taken here: the library, which has not seen it, must not think the broker silent."""
        now = self._loop.time()
        if now - self._alive_at > ALIVE_SECONDS:
            self._behind.data_received(frames.HEARTBEAT)
            self._alive_at = now

    def eof_received(self) -> bool | None:
        """As the library's protocol does."""
        keep: bool | None = self._behind.eof_received()
        return keep

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the library, which closes the channels. Half a frame, or half a delivery, goes with the connection."""
        self._contents, self._channels, self._kept = {}, {}, b""
        self.writable.set()
        self._behind.connection_lost(exc)

    def pause_writing(self) -> None:
        """Tell the library, and those who publish here."""
        self.writable.clear()
        self._behind.pause_writing()

    def resume_writing(self) -> None:
        """Tell the library, and those who publish here."""
        self.writable.set()
        self._behind.resume_writing()
