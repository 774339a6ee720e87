"""`ConfirmedChannel`: publishes on one channel of the library and waits for the broker's confirms.

Nobody else publishes on that channel: the broker numbers what it confirms by the order of the publishes.
"""

import asyncio
from itertools import takewhile
from typing import Protocol

from aio_pika import Message
from aiormq import Channel
from aiormq.abc import AbstractChannel
from aiormq.exceptions import ChannelInvalidStateError, DeliveryError, PublishError
from pamqp import commands

from libs.chassis.amqp.wire import frames
from libs.chassis.amqp.wire.habits import fits
from libs.chassis.amqp.wire.link import Link
from libs.chassis.amqp.wire.properties import encoded
from libs.chassis.amqp.wire.routes import Routes

_Waiting = tuple[asyncio.Future[None], str | None]
"""Who waits, and the message's id."""


class Unroutable(PublishError):  # noqa: N818 -- a name that states the fact
    """The broker returned the message: no queue wants it."""

    def __init__(self) -> None:
        Exception.__init__(self, "no queue wants the message")


class PublishingChannel(Protocol):
    """A channel on which a publish waits for its confirm."""

    @property
    def channel(self) -> AbstractChannel:
        """The library's channel."""

    async def publish(self, message: Message, *, exchange: str, key: str, seconds: float) -> None:
        """Return once the broker has confirmed; raises TimeoutError, or one of the library's exceptions."""


class LibrarysChannel:
    """Publishes with the library alone: for one whose habits are not those that `ConfirmedChannel` needs."""

    def __init__(self, channel: Channel) -> None:
        self.channel: AbstractChannel = channel
        self._publish = channel.basic_publish

    async def publish(self, message: Message, *, exchange: str, key: str, seconds: float) -> None:
        """As `PublishingChannel.publish`."""
        async with asyncio.timeout(seconds):
            await self._publish(
                message.body, exchange=exchange, routing_key=key, properties=message.properties, mandatory=True
            )


class ConfirmedChannel:
    """Open it on a channel with publisher confirms that has published nothing yet."""

    def __init__(self, channel: Channel, routes: Routes, link: Link) -> None:
        self.channel: AbstractChannel = channel
        self._number = channel.number
        self._link = link
        self._routes = routes
        self._largest = channel.connection.connection_tune.frame_max or frames.LARGEST
        self._tag = 0
        self._waiting: dict[int, _Waiting] = {}
        """By the broker's numbers, in their order."""
        self._loop = asyncio.get_running_loop()
        routes.confirms[channel.number] = self
        self._closing = channel.closing
        self._closing.add_done_callback(self._closed)

    async def publish(self, message: Message, *, exchange: str, key: str, seconds: float) -> None:
        """Return once the broker has confirmed; raises TimeoutError, or one of the library's exceptions."""
        if not self._link.writable.is_set():
            async with asyncio.timeout(seconds):
                await self._link.writable.wait()
        tag, future = self._sent(message, exchange, key)
        timer = self._loop.call_later(seconds, _expire, future)
        try:
            await future
        finally:
            timer.cancel()
            self._waiting.pop(tag, None)

    def _sent(self, message: Message, exchange: str, key: str) -> tuple[int, asyncio.Future[None]]:
        if not self._link.takes(self.channel):
            raise ChannelInvalidStateError(f"{self.channel!r} closed")
        data = frames.published(
            self._number,
            exchange=exchange,
            key=key,
            header=encoded(message),
            body=message.body,
            largest=self._largest,
        )
        self._tag += 1  # from here on nothing may fail: the broker counts what is written
        future = self._loop.create_future()
        self._waiting[self._tag] = (future, message.message_id or None)
        self._link.write(data)
        return self._tag, future

    def confirmed(self, tag: int, *, multiple: bool, accepted: bool) -> None:
        """As `Confirms.confirmed`. A publish that nobody waits for any more is ignored."""
        if multiple:
            # All at once: a dict looks for its first key through all that were deleted before it.
            for before in list(takewhile(tag.__gt__, self._waiting)):
                self._settle(before, accepted=accepted)
        self._settle(tag, accepted=accepted)

    def _settle(self, tag: int, *, accepted: bool) -> None:
        future, _ = self._waiting.pop(tag, (None, None))
        if future is None or future.done():
            return
        if accepted:
            future.set_result(None)
        else:
            future.set_exception(DeliveryError(None, commands.Basic.Nack(tag)))

    def returned(self, message_id: str | None) -> None:
        """As `Confirms.returned`. The broker returns in the order of the publishes, also those of one message."""
        for future, id_ in self._waiting.values():
            if id_ == (message_id or None) and not future.done():
                future.set_exception(Unroutable())
                return

    def _closed(self, closing: asyncio.Future[None]) -> None:
        """Whoever still waits gets the exception that closed the channel."""
        if self._routes.confirms.get(self._number) is self:
            del self._routes.confirms[self._number]
        reason = None if closing.cancelled() else closing.exception()
        failure = reason if isinstance(reason, Exception) else ChannelInvalidStateError(f"{self.channel!r} closed")
        for future, _ in list(self._waiting.values()):
            if not future.done():
                future.set_exception(failure)


def publishing_on(channel: Channel, routes: Routes | None) -> PublishingChannel:
    """How to publish on an open channel of the library on which nothing was published."""
    if fits(channel, routes) and routes is not None and routes.link is not None:
        return ConfirmedChannel(channel, routes, routes.link)
    return LibrarysChannel(channel)


def _expire(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_exception(TimeoutError())
